import type { DemoTokens } from './demo-files.ts'

const ORDERS = 12

/**
 * What a new demo has seen already, so that there is something to look at: real requests, through
 * the front door. Enough that entry 17, which `demo tamper` flips, is there at once.
 */
export async function seedHistory(gateway: string, { ADA, BEN }: DemoTokens): Promise<void> {
  for (let order = 1; order <= ORDERS; order += 1) await ask(`${gateway}/orders/${order}`, ADA)
  await ask(`${gateway}/orders`, BEN)
  await ask(`${gateway}/orders/7`, ADA, 'DELETE')
  await ask(`${gateway}/orders/7`, `${BEN.slice(0, -1)}_`)
}

async function ask(url: string, token: string, method = 'GET'): Promise<void> {
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } })
  await response.arrayBuffer()
}

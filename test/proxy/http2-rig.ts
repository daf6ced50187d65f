// What cases of HTTP/2 are asked of: a gateway in front of an upstream of its own, whose counts
// are compared with its records when a case is over.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts'
import type { Field } from './http2-frames.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

export let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

/** Pseudo-header fields and a key; `:path` and others are replaced by what is given. */
export function head(gateway: TestGateway, change: Readonly<Record<string, string>> = {}): Field[] {
  const fields = { ':method': 'GET', ':scheme': 'http', ':authority': 'api.example' }
  const all = { ...fields, ':path': '/echo', ...change }
  return [...Object.entries(all), ['authorization', `Bearer ${gateway.keys.ada}`]]
}

export async function withGateway(
  options: Partial<GatewayOptions>,
  run: (gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const protocols = ['h2', 'http/1.1'] as const
  const gateway = await startGateway({ upstream: upstream.url, protocols, ...options })
  try {
    await run(gateway)
  } finally {
    await gateway.close()
  }
  await checkCounts(gateway)
}

/** Requests accepted = intents + refusals, counted ones included; intents = outcomes. */
async function checkCounts(gateway: TestGateway): Promise<void> {
  const records = await gateway.exchanges()
  const count = (kind: string): number => records.filter((each) => each.kind === kind).length
  const folded = records
    .filter(({ kind, what }) => kind === 'fold' && what.act === 'close')
    .reduce((sum, { what }) => sum + (what.count ?? 0), 0)
  const [, accepted] =
    /^countersign_requests_accepted_total(?:\{.*\})? (\d+)$/m.exec(await gateway.metrics()) ?? []
  assert.equal(count('intent'), count('outcome'))
  assert.equal(Number(accepted ?? 0), count('intent') + count('refusal') + folded)
}

/** What the ledger says of what was not forwarded. */
export async function refusals(gateway: TestGateway): Promise<readonly string[]> {
  const records = await gateway.exchanges()
  const found: string[] = []
  for (const { kind, why, what } of records) {
    if (kind === 'refusal') found.push(why.reason)
    if (kind === 'fold') found.push(`${what.reason} folded`)
  }
  return found
}

export async function intentCount(gateway: TestGateway): Promise<number> {
  return (await gateway.exchanges()).filter(({ kind }) => kind === 'intent').length
}

/** What is looked for may take a moment to be on record. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined
  await waitFor(async () => {
    found = await look()
    return found !== undefined
  })
  return found ?? assert.fail('it did not come')
}

import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { addressFault } from './address-rules.ts'
import type { Resolve } from './name-watch.ts'
import { readTargetUrl } from './target-url.ts'
import { targetTls } from './tls/target-tls.ts'
import { tlsFault } from './tls/tls-fault.ts'
import { rulesOf, targetsOf, type UpstreamConfig } from './upstream-config.ts'

/** What came of connecting to one address of one target. Nothing was asked of it. */
export interface Probe {
  readonly url: string
  /** Undefined where the name has none. */
  readonly address: string | undefined
  /** Why it cannot be used; undefined: it can. */
  readonly fault: string | undefined
}

/** Connects to every address of every target as the proxy would, handshake too, and hangs up. */
export async function probeTargets(
  config: UpstreamConfig,
  { resolve, timeoutMs }: { readonly resolve: Resolve; readonly timeoutMs: number },
): Promise<readonly Probe[]> {
  const probes: Probe[] = []
  for (const { url } of targetsOf(config)) {
    const place = readTargetUrl(url)
    if ('wrong' in place) continue
    const addresses = await addressesOf(place, resolve)
    if (addresses.length === 0) probes.push({ url, address: undefined, fault: 'name-unresolved' })
    for (const address of addresses) {
      const barred = addressFault(address, rulesOf(config))
      const tls = place.scheme === 'https' ? targetTls(config, place) : undefined
      const at = { host: address, port: place.port }
      const fault = barred ?? (await attempt(at, tls, timeoutMs))
      probes.push({ url, address, fault })
    }
  }
  return probes
}

async function addressesOf(
  { host, isAddress }: { readonly host: string; readonly isAddress: boolean },
  resolve: Resolve,
): Promise<readonly string[]> {
  if (isAddress) return [host]
  return resolve(host).catch(() => []) // `name-unresolved`, whatever the resolver calls it.
}

async function attempt(
  at: { readonly host: string; readonly port: number },
  tls: ReturnType<typeof targetTls> | undefined,
  timeoutMs: number,
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const to = { ...at, timeout: timeoutMs }
  const socket: Socket = tls === undefined ? connectTcp(to) : connectTls({ ...to, ...tls })
  socket.once('timeout', () => resolve('no-answer'))
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve(undefined))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    resolve(tlsFault(error) ?? error.code?.toLowerCase() ?? 'unreachable')
  })
  const fault = await promise
  socket.destroy()
  return fault
}

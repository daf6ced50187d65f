import type { Limits } from '../limits/index.ts'
import type { Clock } from '../platform/index.ts'
import {
  BalancedUpstream,
  openClient,
  systemResolve,
  type UpstreamConfig,
  UpstreamError,
} from '../upstream/index.ts'
import { ProxyError } from './proxy-error.ts'
import type { LastHead } from './response-fields.ts'

/** One upstream, its targets and its connections. */
export interface Upstream {
  readonly name: string
  /** Host and port of its first target, as in `Host`. */
  readonly authority: string
  readonly client: BalancedUpstream
  readonly host: UpstreamConfig['host']
  readonly timeouts: UpstreamConfig['timeouts']
  /** Everything that its connections depend on. */
  readonly key: string
  lastHead?: LastHead
}

/** Throws ProxyError PROXY_CERTIFICATE where TLS cannot be spoken as it is configured. */
export function openUpstream(
  name: string,
  config: UpstreamConfig,
  { connectMs }: Limits,
  parts: { readonly clock: Clock; readonly report: (fault: unknown) => void },
): Upstream {
  const { clock, report } = parts
  const { host, timeouts } = config
  const key = upstreamKey(config, { connectMs })
  try {
    const client = new BalancedUpstream({
      name,
      config,
      connectMs,
      clock,
      resolve: systemResolve,
      makeClient: (options) => openClient(config.protocol, { ...options, clock }),
      report,
    })
    return { name, authority: client.authority, client, host, timeouts, key }
  } catch (cause) {
    if (!(cause instanceof UpstreamError)) throw cause
    const message = `upstream ${name}: ${cause.message}`
    throw new ProxyError('PROXY_CERTIFICATE', message, { cause })
  }
}

/** Equal for upstreams that can share their connections. */
export function upstreamKey(
  config: UpstreamConfig,
  { connectMs }: Pick<Limits, 'connectMs'>,
): string {
  return JSON.stringify([config, connectMs])
}

import type { AuthenticatorChain, Authenticators } from '../identity/index.ts'
import type { Limits } from '../limits/index.ts'
import type { PolicySet } from '../policy/index.ts'
import type { RouteConfig, UpstreamConfig } from './proxy-config.ts'
import { ProxyError } from './proxy-error.ts'
import { RouteTable } from './route-table.ts'
import { openUpstream, type Upstream } from './upstream.ts'

/** What one configuration says of requests, files read and policies compiled. */
export interface ProxySettings {
  /** SHA-256 of the configuration, 64 hexadecimal digits. */
  readonly configurationSha256: string
  readonly limits: Limits
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly routes: readonly RouteConfig[]
  readonly policies: PolicySet
  /** Their keys are stores: one that is revoked is so at once, without a new configuration. */
  readonly authenticators: Authenticators
}

/**
 * Everything that is in force together. An exchange takes it once, when it is accepted, and every
 * stage judges by it: no request is ever judged by half of one configuration and half of another.
 */
export interface InForce
  extends Pick<ProxySettings, 'configurationSha256' | 'limits' | 'policies'> {
  readonly routes: RouteTable
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** Who is asked who it is, in order. */
  readonly chainOf: (route: RouteConfig) => AuthenticatorChain
}

/** Throws ProxyError PROXY_CONFIG_INVALID where routes and upstreams contradict each other. */
export function makeInForce(settings: ProxySettings): InForce {
  const { configurationSha256, limits, policies, authenticators, routes } = settings
  for (const { name, upstream, authenticators: names } of routes) {
    // Throws for a name that nothing has: later would be in a request.
    authenticators.chain(names)
    if (Object.hasOwn(settings.upstreams, upstream)) continue
    throw new ProxyError('PROXY_CONFIG_INVALID', `route ${name}: no upstream is called ${upstream}`)
  }
  const upstreams = new Map<string, Upstream>()
  for (const [name, config] of Object.entries(settings.upstreams)) {
    upstreams.set(name, openUpstream(name, config, limits))
  }
  const table = new RouteTable(routes)
  const chainOf: InForce['chainOf'] = (route) => authenticators.chain(route.authenticators)
  return { configurationSha256, limits, policies, chainOf, routes: table, upstreams }
}

import type { AuthenticatorChain, Authenticators, Statements } from '../identity/index.ts'
import type { Limits, Quota, Quotas } from '../limits/index.ts'
import type { Clock } from '../platform/index.ts'
import type { PolicySet } from '../policy/index.ts'
import type { UpstreamConfig } from '../upstream/index.ts'
import type { Egress } from './egress/egress-fields.ts'
import { fieldsByRoute, type RouteFields } from './forwarding.ts'
import type { RouteConfig } from './proxy-config.ts'
import { ProxyError } from './proxy-error.ts'
import { RouteTable } from './route-table.ts'
import { openUpstream, type Upstream, upstreamKey } from './upstream.ts'
import { Uses } from './uses.ts'

/** What one configuration says of requests, files read and policies compiled. */
export interface ProxySettings {
  /** SHA-256 of the configuration, 64 hexadecimal digits. */
  readonly configurationSha256: string
  readonly limits: Limits
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly routes: readonly RouteConfig[]
  /** Upstreams that are services of somebody else, by name; without it there are none. */
  readonly egress?: ReadonlyMap<string, Egress> | undefined
  /** Without them nothing is counted. */
  readonly quotas?: Quotas | undefined
  readonly policies: PolicySet
  /** Their keys are stores: one that is revoked is so at once, without a new configuration. */
  readonly authenticators: Authenticators
  /** Without them no route can ask for signed statements. */
  readonly statements?: Statements | undefined
  /** Where approvers find the control plane, for the answers; without a slash at its end. */
  readonly approvalsUrl?: string | undefined
}

/**
 * Everything that is in force together. An exchange takes it once, when it is accepted, and every
 * stage judges by it: no request is ever judged by half of one configuration and half of another.
 */
export interface InForce
  extends Pick<
    ProxySettings,
    'configurationSha256' | 'limits' | 'policies' | 'quotas' | 'approvalsUrl'
  > {
  readonly routes: RouteTable
  /** Some route lets connections change protocols. */
  readonly takesUpgrades: boolean
  /** Some route lets streams of HTTP/2 become WebSockets (RFC 8441). */
  readonly takesExtendedConnect: boolean
  readonly statements: Statements | undefined
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** What counts the requests of a route. */
  readonly quotasOf: (route: RouteConfig) => readonly Quota[]
  /** Who is asked who it is, in order. */
  readonly chainOf: (route: RouteConfig) => AuthenticatorChain
  /** What is done to the header fields of a route. */
  readonly fieldsOf: (route: RouteConfig) => RouteFields
  /** What is done for a service of somebody else; undefined: the upstream is ours. */
  readonly egressOf: (route: RouteConfig) => Egress | undefined
  /** Exchanges that go by it. */
  readonly uses: Uses
}

/**
 * Throws ProxyError PROXY_CONFIG_INVALID where routes and upstreams contradict each other. An
 * upstream that is what it was in `former` keeps its connections.
 */
export function makeInForce(
  settings: ProxySettings,
  parts: { readonly clock: Clock; readonly report: (fault: unknown) => void },
  former?: InForce,
): InForce {
  const { configurationSha256, limits, policies, quotas, authenticators, routes } = settings
  for (const { name, upstream, identity, authenticators: names } of routes) {
    // Throws for a name that nothing has: later would be in a request.
    authenticators.chain(names)
    if (identity === 'signed' && settings.statements === undefined) {
      throw new ProxyError('PROXY_CONFIG_INVALID', `route ${name}: nothing can be signed`)
    }
    if (Object.hasOwn(settings.upstreams, upstream)) continue
    throw new ProxyError('PROXY_CONFIG_INVALID', `route ${name}: no upstream is called ${upstream}`)
  }
  const quotasOf = countedBy(routes, quotas)
  const upstreams = new Map<string, Upstream>()
  for (const [name, config] of Object.entries(settings.upstreams)) {
    const known = former?.upstreams.get(name)
    const isSame = known?.key === upstreamKey(config, limits)
    try {
      upstreams.set(name, isSame ? known : openUpstream(name, config, limits, parts))
    } catch (cause) {
      for (const each of upstreams.values()) if (!isOf(former, each)) void each.client.destroy()
      throw cause
    }
  }
  const table = new RouteTable(routes)
  const chainOf: InForce['chainOf'] = (route) => authenticators.chain(route.authenticators)
  return {
    configurationSha256,
    limits,
    policies,
    quotas,
    chainOf,
    quotasOf,
    fieldsOf: fieldsByRoute(routes),
    egressOf: ({ upstream }) => settings.egress?.get(upstream),
    routes: table,
    takesUpgrades: routes.some(({ upgrade }) => upgrade !== 'none'),
    takesExtendedConnect: routes.some(({ upgrade, websocket }) => {
      return upgrade === 'websocket' && websocket.http2 === 'taken'
    }),
    statements: settings.statements,
    upstreams,
    uses: new Uses(),
    approvalsUrl: settings.approvalsUrl,
  }
}

/** Whether it was in force already. */
function isOf(former: InForce | undefined, upstream: Upstream): boolean {
  return former?.upstreams.get(upstream.name) === upstream
}

function countedBy(
  routes: readonly RouteConfig[],
  quotas: Quotas | undefined,
): InForce['quotasOf'] {
  const byRoute = new Map<RouteConfig, readonly Quota[]>()
  for (const route of routes) {
    const counted = route.quotas.map((name) => {
      const quota = quotas?.named(name)
      if (quota !== undefined) return quota
      const message = `route ${route.name}: no quota is called ${name}`
      throw new ProxyError('PROXY_CONFIG_INVALID', message)
    })
    byRoute.set(route, counted)
  }
  return (route) => byRoute.get(route) ?? []
}

import type { Forwarded } from '@countersign/evidence'
import { type Exchange, filled } from './exchange.ts'
import { FieldRules } from './field-rules.ts'
import type { RouteConfig } from './proxy-config.ts'
import { recordedPath } from './recorded-text.ts'

/** What a route does to header fields, each direction for itself; undefined: nothing. */
export interface RouteFields {
  readonly request: FieldRules | undefined
  readonly response: FieldRules | undefined
}

const NO_RULES: RouteFields = { request: undefined, response: undefined }

/** The rules of every route, made ready once. */
export function fieldsByRoute(routes: readonly RouteConfig[]): (route: RouteConfig) => RouteFields {
  const byRoute = new Map<RouteConfig, RouteFields>()
  for (const route of routes) {
    const { requestFields: request, responseFields: response } = route
    if (request === undefined && response === undefined) continue
    byRoute.set(route, {
      request: request && new FieldRules(request),
      response: response && new FieldRules(response),
    })
  }
  return byRoute.size === 0 ? () => NO_RULES : (route) => byRoute.get(route) ?? NO_RULES
}

/** Path and query that the upstream is asked for. */
export function forwardedTarget({ forwardedPath, asked }: Exchange): string {
  const path = filled(forwardedPath, 'forwardedPath')
  const { query } = filled(asked, 'asked')
  return query === undefined ? path : `${path}?${query}`
}

/** `Host` of the first target, where it is not said otherwise; each target has its own then. */
export function forwardedAuthority({ upstream, asked }: Exchange): string {
  const { host, authority } = filled(upstream, 'upstream')
  if (host === 'target') return authority
  return host === 'asked' ? filled(asked, 'asked').authority : host.name
}

/** What a record says of it, where it is not what was decided on. */
export function forwardedFacts({
  route,
  asked,
  upstream,
  inForce,
  forwardedPath: path,
}: Pick<Exchange, 'route' | 'asked' | 'upstream' | 'inForce' | 'forwardedPath'>):
  | Forwarded
  | undefined {
  if (route === undefined || asked === undefined || path === undefined) return undefined
  const egress = inForce.egressOf(route)
  const named = typeof upstream?.host === 'object' ? upstream.host.name : undefined
  // Of a service of somebody else the record always says which one it is.
  const authority = named ?? (egress === undefined ? undefined : upstream?.authority)
  const { name: credential } = egress?.credential ?? {}
  if (path === asked.path && authority === undefined) return undefined
  return {
    ...(authority === undefined ? {} : { authority }),
    ...(path === asked.path ? {} : { path: recordedPath(path).text }),
    ...(credential === undefined ? {} : { credential }),
  }
}

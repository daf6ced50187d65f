export { AccessProxy, type DataPlaneSettings, windowBounds } from './access-proxy.ts'
export type { Approving, GlassBreaking } from './approve.ts'
export type { RedactionThread } from './capture/redactor.ts'
export type { OwnHandler, ProxyEvent } from './context.ts'
export type { Egress } from './egress/egress-fields.ts'
export { InjectedCredential } from './egress/injected-credential.ts'
export type { ProxySettings } from './in-force.ts'
export type { ListenerSettings, ReadyChange } from './listeners.ts'
export {
  type ListenerConfig,
  listenerSchema,
  type RouteConfig,
  routeSchema,
} from './proxy-config.ts'
export type { ProxyErrorCode } from './proxy-error.ts'
export type { ExchangeRecorder } from './recording.ts'
export { type Certificate, type ClientAuthorities, contextOptions } from './tls-options.ts'

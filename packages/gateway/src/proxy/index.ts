export { AccessProxy, type AccessProxyOptions, type ListeningAt } from './access-proxy.ts'
export type { OwnHandler, ProxyEvent } from './context.ts'
export type { ProxySettings } from './in-force.ts'
export type { Certificate } from './listener.ts'
export {
  type ListenerConfig,
  listenerSchema,
  type RouteConfig,
  routeSchema,
  type UpstreamConfig,
  upstreamSchema,
} from './proxy-config.ts'
export type { ProxyErrorCode } from './proxy-error.ts'
export type { ExchangeRecorder } from './recording.ts'

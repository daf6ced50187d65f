export type { BalancedCall, RetryRule } from './balanced-call.ts'
export { BalancedUpstream, type ClientOptions, type UpstreamParts } from './balanced-upstream.ts'
export type { CredentialConfig } from './egress-config.ts'
export { type Resolve, systemResolve } from './name-watch.ts'
export { openClient } from './open-client.ts'
export { type Probe, probeTargets } from './probe.ts'
export { checkUpstreamTls } from './tls/target-tls.ts'
export {
  type UpstreamCall,
  type UpstreamClient,
  UpstreamFault,
  type UpstreamFields,
  type UpstreamHandler,
  type UpstreamReached,
  type UpstreamRequest,
} from './types.ts'
export { type UpstreamConfig, upstreamSchema } from './upstream-config.ts'
export { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'
export type { EndpointView, UpstreamView } from './upstream-view.ts'

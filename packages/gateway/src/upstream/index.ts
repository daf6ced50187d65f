export {
  type UpstreamCall,
  type UpstreamClient,
  UpstreamFault,
  type UpstreamFields,
  type UpstreamHandler,
  type UpstreamReached,
  type UpstreamRequest,
} from './types.ts'

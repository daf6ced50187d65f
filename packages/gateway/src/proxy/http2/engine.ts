import type { ServerOptions } from 'node:http2'
import type { Reason } from '@countersign/evidence'
import type { Limits } from '../../limits/index.ts'

/** Pseudo-header fields come on top of those that are counted. */
const PSEUDO_FIELDS = 4
/** The engine only resets what is beyond its limits: within this much, the answer is a 431. */
const HEAD_MARGIN = 2

/** Node's limits, a little beyond ours where we answer and it would only break off. */
export function engineOptions(limits: Limits, takesExtendedConnect: boolean): ServerOptions {
  return {
    maxHeaderListPairs: HEAD_MARGIN * limits.headersMax + PSEUDO_FIELDS,
    maxSessionInvalidFrames: limits.h2InvalidFramesMax,
    maxSessionRejectedStreams: limits.h2StreamsMax,
    streamResetBurst: HEAD_MARGIN * limits.h2ResetsMax,
    streamResetRate: HEAD_MARGIN * limits.h2ResetsPerSecondMax,
    strictFieldWhitespaceValidation: true,
    // Of answers: an upstream may say a thing twice, and it is passed on as it was said.
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      enableConnectProtocol: takesExtendedConnect,
      maxConcurrentStreams: limits.h2StreamsMax,
      initialWindowSize: limits.h2StreamWindowBytes,
      maxHeaderListSize: HEAD_MARGIN * limits.headBytesMax,
    },
  }
}

/** What the engine held against a connection; undefined where it was only lost. */
export function faultOf({ code, message }: Error & { readonly code?: string }): Reason | undefined {
  if (code?.startsWith('ERR_HTTP2') !== true) return undefined
  const isFlood = code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES' || /flood|too many/i.test(message)
  return isFlood ? 'connection-flooded' : 'malformed-request'
}

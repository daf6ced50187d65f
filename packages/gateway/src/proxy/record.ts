import type { ProxyContext } from './context.ts'
import { draftIntent } from './drafts.ts'
import type { Exchange, Step } from './exchange.ts'

/** Makes the intent durable. What cannot be recorded must not happen. */
export function record(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const failed = (cause: unknown): Step => refuse(exchange, context, cause)
  try {
    return context.recorder.intent(draftIntent(exchange)).then((intent) => {
      exchange.intent = intent
      context.telemetry.intended()
      return 'next'
    }, failed)
  } catch (cause) {
    return failed(cause)
  }
}

function refuse(exchange: Exchange, context: ProxyContext, cause: unknown): Step {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  exchange.capture?.lose('request')
  if (code === 'RECORDER_TOO_LARGE') return { stop: 'record-too-large' }
  context.report({ event: 'ledger-unavailable', exchange: exchange.id, cause })
  return { stop: 'ledger-unavailable' }
}

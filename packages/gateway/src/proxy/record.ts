import type { ProxyContext } from './context.ts'
import { draftIntent } from './drafts.ts'
import type { Exchange, Step } from './exchange.ts'

/** Makes the intent durable. What cannot be recorded must not happen. */
export async function record(exchange: Exchange, context: ProxyContext): Promise<Step> {
  try {
    exchange.intent = await context.recorder.intent(draftIntent(exchange))
    context.telemetry.intended()
    return 'next'
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    exchange.capture?.lose('request')
    if (code === 'RECORDER_TOO_LARGE') return { stop: 'record-too-large' }
    context.report({ event: 'ledger-unavailable', exchange: exchange.id, cause })
    return { stop: 'ledger-unavailable' }
  }
}

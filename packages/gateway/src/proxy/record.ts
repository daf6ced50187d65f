import type { ProxyContext } from './context.ts'
import { draftIntent } from './drafts.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** Makes the intent durable. What cannot be recorded must not happen. */
export function record(exchange: Exchange, context: ProxyContext): Step {
  const course = filled(exchange.course, 'course')
  try {
    context.recorder.beginIntent(
      draftIntent(exchange),
      (intent) => {
        exchange.intent = intent
        context.telemetry.intended()
        course.follow('next')
      },
      (cause) => course.follow(refuse(exchange, context, cause)),
    )
  } catch (cause) {
    return refuse(exchange, context, cause)
  }
  return 'later'
}

function refuse(exchange: Exchange, context: ProxyContext, cause: unknown): Step {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  exchange.capture?.lose('request')
  if (code === 'RECORDER_TOO_LARGE') return { stop: 'record-too-large' }
  context.report({ event: 'ledger-unavailable', exchange: exchange.id, cause })
  return { stop: 'ledger-unavailable' }
}

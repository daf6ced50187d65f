import type { Progress } from '@countersign/evidence'
import { BodyMeter } from './body-meter.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { takeMessages } from './message-digests.ts'

/** What is known of the progress records of an exchange. */
export interface Told {
  /** Monotonic milliseconds of the last one, or of the intent. */
  atMs: number
  bytes: number
  isBeingWritten: boolean
}

const NOTHING_YET = new BodyMeter()

/**
 * Tells how far an exchange has come, when it is time or when enough has passed. What can be told
 * of no more must not go on: where the record is late by a whole interval, the exchange is cut.
 */
export function tellProgress(exchange: Exchange, context: ProxyContext): void {
  const { intent, isConcluded, inForce, cut } = exchange
  if (intent === undefined || isConcluded || cut.reason !== undefined) return
  const nowMs = context.clock.ticksMs()
  const startedMs = exchange.marks.startMs ?? nowMs
  exchange.told ??= { atMs: startedMs, bytes: 0, isBeingWritten: false }
  const { told } = exchange
  const isTime = nowMs - told.atMs >= inForce.limits.progressMs
  if (!isTime && !isWorthTelling(exchange, told)) return
  if (!told.isBeingWritten) void write(exchange, context, told)
  else if (isTime) cut.make('ledger-unavailable')
}

async function write(exchange: Exchange, context: ProxyContext, told: Told): Promise<void> {
  const { intent, cut } = exchange
  if (intent === undefined) return
  told.atMs = context.clock.ticksMs()
  told.bytes = passedBytes(exchange)
  told.isBeingWritten = true
  try {
    await context.recorder.progress(intent, howFar(exchange))
  } catch (cause) {
    context.report({ event: 'ledger-unavailable', exchange: exchange.id, cause })
    cut.make('ledger-unavailable')
  } finally {
    told.isBeingWritten = false
  }
}

function isWorthTelling(exchange: Exchange, told: Told): boolean {
  const { inForce, digests } = exchange
  if (passedBytes(exchange) - told.bytes >= inForce.limits.progressBytes) return true
  return digests?.isWorthTelling === true
}

function passedBytes({ forwarded, released }: Exchange): number {
  return forwarded.bytes + (released?.bytes ?? 0)
}

function howFar(exchange: Exchange): Progress {
  const { forwarded, released = NOTHING_YET } = exchange
  const counted = takeMessages(exchange)
  return {
    request: forwarded.facts(),
    response: released.facts(),
    ...(counted === undefined ? {} : { messages: counted }),
  }
}

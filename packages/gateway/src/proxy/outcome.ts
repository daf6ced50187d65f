import type { Ended, How, Reason } from '@countersign/evidence'
import { captureEnds } from './capture/capture-stage.ts'
import type { ProxyContext } from './context.ts'
import { draftHow, draftVia } from './drafts.ts'
import { type Exchange, filled } from './exchange.ts'
import type { OutcomeDraft, Recorded } from './recording.ts'

/** Makes the outcome durable; undefined where it cannot be, and then nothing may be released. */
export function recordOutcome(
  exchange: Exchange,
  context: ProxyContext,
  how: Omit<How, 'request'>,
): Promise<Recorded | undefined> {
  if (exchange.capture !== undefined) return recordCaptured(exchange, context, how)
  return new Promise((resolve) => recordOutcomeThen(exchange, context, how, resolve))
}

/** The same, of which `follow` hears, where no bodies are kept: without a promise between them. */
export function recordOutcomeThen(
  exchange: Exchange,
  context: ProxyContext,
  how: Omit<How, 'request'>,
  follow: (outcome: Recorded | undefined) => void,
): void {
  conclude(exchange)
  write(exchange, context, how, follow)
}

function conclude(exchange: Exchange): void {
  exchange.isConcluded = true
  exchange.timing?.enter('record-outcome')
}

async function recordCaptured(
  exchange: Exchange,
  context: ProxyContext,
  how: Omit<How, 'request'>,
): Promise<Recorded | undefined> {
  conclude(exchange)
  await captureEnds(exchange)
  // What is not released is not kept either: the record tells of nothing that it would be.
  if (how.response === undefined) exchange.capture?.lose('response')
  return new Promise((resolve) => write(exchange, context, how, resolve))
}

function write(
  exchange: Exchange,
  context: ProxyContext,
  how: Omit<How, 'request'>,
  follow: (outcome: Recorded | undefined) => void,
): void {
  const failed = (cause: unknown): void => {
    context.telemetry.concluded('unrecorded')
    context.report({ event: 'outcome-unrecorded', exchange: exchange.id, cause })
    follow(undefined)
  }
  const intent = filled(exchange.intent, 'intent')
  const written = (outcome: Recorded): void => {
    context.telemetry.concluded(how.ended)
    follow(outcome)
  }
  try {
    context.recorder.beginOutcome(intent, draftOutcome(exchange, how), written, failed)
  } catch (cause) {
    failed(cause)
  }
}

function draftOutcome(exchange: Exchange, how: Omit<How, 'request'>): OutcomeDraft {
  const via = draftVia(exchange)
  const bodies = exchange.capture?.take()
  return { how: draftHow(exchange, how), via, bodies }
}

/** Who ended an exchange that did not end as it should. */
export function endedBy(reason: Reason): Ended {
  if (CLIENT_ENDS.has(reason)) return 'client-aborted'
  return UPSTREAM_ENDS.has(reason) ? 'upstream-aborted' : 'released'
}

const CLIENT_ENDS: ReadonlySet<Reason> = new Set(['client-aborted'])
const UPSTREAM_ENDS: ReadonlySet<Reason> = new Set(['upstream-aborted'])

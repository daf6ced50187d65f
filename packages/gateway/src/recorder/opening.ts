import { formatTime, formatUuid, type GapFacts } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import { RecorderError } from './error.ts'
import { decodeOpenTag, type FoldTag, type WindowTag } from './open-tag.ts'
import type { RecordWriter } from './record-writer.ts'

/** Interrupted intents that are closed at once; the next wait for these to be durable. */
const INTERRUPTED_AT_ONCE = 1024

/** What the first records of an incarnation say. */
export interface OpeningFacts {
  readonly epoch: number
  readonly origin: string
  readonly vkeys: readonly string[]
  readonly version: string
  readonly runtime: string
  readonly heartbeatMs: number
}

export interface Waiting {
  readonly clock: Clock
  readonly retryMs: number
  isCurrent(): boolean
  /** Writes a `gap` record where one is due. */
  explain(): Promise<void>
}

/**
 * Writes the first records of an incarnation: the `epoch` where the ledger is empty, the start, an
 * `interrupted` outcome for each intent that an earlier one left open, and the recovery.
 *
 * A full disk at this point is waited out: `isCurrent` says when another incarnation took over.
 */
export async function openLife(
  writer: RecordWriter,
  facts: OpeningFacts,
  waiting: Waiting,
): Promise<boolean> {
  let isBegun = false
  const nowUs = (): number => waiting.clock.nowUs()
  for (const step of stepsOf(writer, facts, nowUs)) {
    // Between two of them a process may stand still, or wait for room, and must not be silent.
    const explained = async (): Promise<void> => {
      if (isBegun) await waiting.explain()
      await step()
    }
    while (!(await isDone(explained))) {
      if (!waiting.isCurrent()) return false
      await new Promise<void>((resolve) => waiting.clock.after(waiting.retryMs, resolve))
    }
    if (!waiting.isCurrent()) return false
    isBegun = writer.ledger.recovery.size > 0
  }
  return true
}

type Step = () => Promise<unknown>

/** Says whether the record is there; what can never be written is an error. */
async function isDone(step: Step): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    if (!(error instanceof RecorderError)) throw error
    if (error.code === 'RECORDER_INTENT_CLOSED') return true
    if (error.code === 'RECORDER_UNAVAILABLE' || error.code === 'RECORDER_OVERLOADED') return false
    throw error
  }
}

function* stepsOf(writer: RecordWriter, facts: OpeningFacts, nowUs: () => number): Generator<Step> {
  const { epoch, origin, vkeys, version, runtime, heartbeatMs } = facts
  const { recovery } = writer.ledger
  if (recovery.size === 0) yield () => writer.act('epoch', { epoch, origin, vkeys })
  const { rollbackProtection, interrupted, cut } = recovery
  yield () =>
    writer.act('system', { act: 'start', version, runtime, heartbeatMs, rollbackProtection })
  for (let from = 0; from < interrupted.length; from += INTERRUPTED_AT_ONCE) {
    const some = interrupted.slice(from, from + INTERRUPTED_AT_ONCE)
    yield () => interrupt(writer, { epoch, nowUs }, some)
  }
  if (recovery.size === 0) return
  const cutBytes = cut && { cutBytes: cut.bytes }
  const intents = interrupted.filter(({ tag }) => decodeOpenTag(tag) === undefined)
  yield () => writer.act('system', { act: 'recovery', interrupted: intents.length, ...cutBytes })
}

/** Ends what dead incarnations left open. What an earlier try has ended is not an error. */
async function interrupt(
  writer: RecordWriter,
  at: { readonly epoch: number; readonly nowUs: () => number },
  open: RecordWriter['ledger']['recovery']['interrupted'],
): Promise<void> {
  const results = await Promise.allSettled(
    open.map(({ index, tag }) => {
      const counted = decodeOpenTag(tag)
      const about = { epoch: at.epoch, index }
      if (counted === undefined) {
        const sections = [{ name: 'how', value: { ended: 'interrupted' } }] as const
        const exchange = formatUuid(tag)
        return writer.write({ kind: 'outcome', exchange, about, closes: index, sections })
      }
      const value = interruptedCount(counted, at.nowUs())
      const sections = [{ name: 'what', value }] as const
      return writer.write({ kind: 'gap', about, closes: index, sections })
    }),
  )
  for (const [place, result] of results.entries()) {
    if (result.status === 'fulfilled') continue
    const error: unknown = result.reason
    if (error instanceof RecorderError && error.code === 'RECORDER_INTENT_CLOSED') continue
    const exchange = formatUuid(open[place]?.tag ?? new Uint8Array(16))
    if (error instanceof RecorderError) {
      throw new RecorderError(error.code, `exchange ${exchange} is not closed`, { cause: error })
    }
    throw error
  }
}

/**
 * Refusals that were counted when the life before ended: what at most no tally tells of. Or what
 * was acted on under a window, which is over by then: what at most is missing of it.
 */
function interruptedCount(open: FoldTag | WindowTag, nowUs: number): GapFacts {
  const from = formatTime(Math.min(open.fromMs * 1000, nowUs))
  const until = formatTime(nowUs)
  if (open.of === 'fold') {
    const unrecordedMax = open.untalliedMax
    return { reason: 'fold-interrupted', from, until, unrecorded: 0, unrecordedMax }
  }
  const overUs = Math.min((open.fromMs + open.windowMs) * 1000, nowUs)
  return {
    reason: 'window-interrupted',
    from,
    until: formatTime(overUs),
    unrecorded: 0,
    unrecordedMax: open.recordsMax,
  }
}

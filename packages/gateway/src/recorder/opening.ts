import { formatUuid } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import { RecorderError } from './error.ts'
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

/**
 * Writes the first records of an incarnation: the `epoch` where the ledger is empty, the start, an
 * `interrupted` outcome for each intent that an earlier one left open, and the recovery.
 *
 * A full disk at this point is waited out: `isCurrent` says when another incarnation took over.
 */
export async function openLife(
  writer: RecordWriter,
  facts: OpeningFacts,
  waiting: { readonly clock: Clock; readonly retryMs: number; isCurrent(): boolean },
): Promise<boolean> {
  for (const step of stepsOf(writer, facts)) {
    while (!(await isDone(step))) {
      if (!waiting.isCurrent()) return false
      await new Promise<void>((resolve) => waiting.clock.after(waiting.retryMs, resolve))
    }
    if (!waiting.isCurrent()) return false
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

function* stepsOf(writer: RecordWriter, facts: OpeningFacts): Generator<Step> {
  const { epoch, origin, vkeys, version, runtime, heartbeatMs } = facts
  const { recovery } = writer.ledger
  if (recovery.size === 0) yield () => writer.act('epoch', { epoch, origin, vkeys })
  const { rollbackProtection, interrupted, cut } = recovery
  yield () =>
    writer.act('system', { act: 'start', version, runtime, heartbeatMs, rollbackProtection })
  for (let from = 0; from < interrupted.length; from += INTERRUPTED_AT_ONCE) {
    yield () => interrupt(writer, epoch, interrupted.slice(from, from + INTERRUPTED_AT_ONCE))
  }
  if (recovery.size === 0) return
  const cutBytes = cut && { cutBytes: cut.bytes }
  yield () =>
    writer.act('system', { act: 'recovery', interrupted: interrupted.length, ...cutBytes })
}

/** Closes intents of dead incarnations. One that was closed by an earlier try is not an error. */
async function interrupt(
  writer: RecordWriter,
  epoch: number,
  intents: RecordWriter['ledger']['recovery']['interrupted'],
): Promise<void> {
  const results = await Promise.allSettled(
    intents.map(({ index, tag }) =>
      writer.write({
        kind: 'outcome',
        exchange: formatUuid(tag),
        about: { epoch, index },
        closes: index,
        sections: [{ name: 'how', value: { ended: 'interrupted' } }],
      }),
    ),
  )
  for (const [place, result] of results.entries()) {
    if (result.status === 'fulfilled') continue
    const error: unknown = result.reason
    if (error instanceof RecorderError && error.code === 'RECORDER_INTENT_CLOSED') continue
    const exchange = formatUuid(intents[place]?.tag ?? new Uint8Array(16))
    if (error instanceof RecorderError) {
      throw new RecorderError(error.code, `exchange ${exchange} is not closed`, { cause: error })
    }
    throw error
  }
}

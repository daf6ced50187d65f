import { formatTime } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import type { ExchangeRecorder, FoldDraft, OpenFold } from './recording.ts'

/** What a fold counts, and after which record that is whole. */
export interface FoldOf extends Pick<FoldDraft, 'reason' | 'scope' | 'untalliedMax'> {
  readonly key: string | undefined
  readonly about: { readonly epoch: number; readonly index: number } | undefined
}

/**
 * One fold, from its opening to its end. A refusal is counted before it is answered, and answered
 * only while what no tally tells of is within the bound that the opening names.
 */
export class Folded {
  readonly #clock: Clock
  readonly #recorder: ExchangeRecorder
  readonly #of: FoldOf
  readonly #fromUs: number
  #opening: Promise<OpenFold> | undefined
  #opened: OpenFold | undefined
  #count = 0
  #told = 0
  #lastUs: number
  #lastMs: number
  #counting = 0
  #telling: Promise<void> | undefined
  #ending: Promise<void> | undefined

  constructor(parts: { readonly clock: Clock; readonly recorder: ExchangeRecorder }, of: FoldOf) {
    this.#clock = parts.clock
    this.#recorder = parts.recorder
    this.#of = of
    this.#fromUs = this.#clock.nowUs()
    this.#lastUs = this.#fromUs
    this.#lastMs = this.#clock.ticksMs()
  }

  /** Resolves when one more refusal may be answered. Rejects where the ledger cannot be written. */
  async count(): Promise<void> {
    this.#lastMs = this.#clock.ticksMs()
    this.#counting += 1
    try {
      if (this.#opened === undefined) await this.#open()
      while (this.#count - this.#told >= this.#of.untalliedMax) await this.tell()
      this.#count += 1
      this.#lastUs = this.#clock.nowUs()
    } finally {
      this.#counting -= 1
    }
  }

  /** Milliseconds since it last was asked to count; 0 while it is. */
  idleMs(): number {
    return this.#counting > 0 ? 0 : this.#clock.ticksMs() - this.#lastMs
  }

  /** Makes durable what was counted since it was told last. */
  tell(): Promise<void> {
    this.#telling ??= this.#tell('tally').finally(() => {
      this.#telling = undefined
    })
    return this.#telling
  }

  /** Tells all and ends; nothing is counted after it. */
  close(): Promise<void> {
    this.#ending ??= this.#close().catch((error: unknown) => {
      this.#ending = undefined
      throw error
    })
    return this.#ending
  }

  async #close(): Promise<void> {
    await this.#telling?.catch(() => undefined) // What follows tells all of it again, or fails.
    // What was never opened has answered nobody.
    if (this.#opened !== undefined || this.#count > 0) await this.#tell('close')
  }

  #open(): Promise<OpenFold> {
    this.#opening ??= this.#writeOpening().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #writeOpening(): Promise<OpenFold> {
    const { key, about, ...of } = this.#of
    const from = formatTime(this.#fromUs)
    const draft = { ...of, ...(key === undefined ? {} : { key }), from }
    this.#opened = await this.#recorder.folds.open(draft, about)
    return this.#opened
  }

  async #tell(act: 'tally' | 'close'): Promise<void> {
    if (act === 'tally' && this.#count === this.#told) return
    const fold = this.#opened ?? (await this.#open())
    const count = this.#count
    try {
      await this.#recorder.folds[act](fold, { count, until: formatTime(this.#lastUs) })
    } catch (error) {
      if (!isInterrupted(error)) throw error
      return this.#goOn(act)
    }
    this.#told = count
  }

  /** The ledger began anew and has ended this fold: what it was not told goes into another. */
  async #goOn(act: 'tally' | 'close'): Promise<void> {
    this.#count -= this.#told
    this.#told = 0
    this.#opened = undefined
    if (act === 'close' && this.#count === 0) return
    await this.#tell(act)
  }
}

function isInterrupted(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'RECORDER_INTENT_CLOSED'
}

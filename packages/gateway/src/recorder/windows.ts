import type { RecordPlace, WindowFacts } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import type { Clock, Timer } from '../platform/index.ts'
import { encodeOpenTag } from './open-tag.ts'
import type { RecordWaiter, WriteDraft } from './record-writer.ts'

/** What a crash may take of relaxed routes at most. */
export interface WindowBounds {
  /** Records that were acted on and are not durable yet. */
  readonly recordsMax: number
  /** For how long records may be acted on that way without a window that is newer. */
  readonly windowMs: number
}

export interface WindowsOptions {
  readonly clock: Clock
  readonly epoch: number
  /** Appends at once, or throws. */
  readonly write: (draft: WriteDraft, waiter: RecordWaiter) => void
}

/** How long a window is tried again that could not be begun or ended. */
const RETRY_MS = 1_000

/** A window whose record is durable and not followed by another that is. */
interface DurableWindow {
  readonly index: LeafIndex
  readonly bounds: WindowBounds
  /** Monotonic, of its record. */
  readonly beganMs: number
  /** Relaxed records before its own. */
  readonly total: number
}

/**
 * The windows of relaxed recording: one at a time, its record durable before anything is acted on
 * under it, the next one written when half of it is used. What follows a renewal that is not
 * durable yet counts in the window before: so a crash never takes more than the newest durable
 * record says. Where the disk is too slow for that, `admits` says no, and callers wait.
 */
export class Windows {
  readonly #options: WindowsOptions
  #bounds: WindowBounds | undefined
  #open: DurableWindow | undefined
  /** Of one life of the ledger: what comes later of an earlier one counts for nothing. */
  #life = 0
  #writing: WindowFacts['act'] | undefined
  #mustClose = false
  #notBeforeMs = Number.NEGATIVE_INFINITY
  #total = 0
  #timer: Timer | undefined
  #whenIdle: (() => void)[] = []

  constructor(options: WindowsOptions) {
    this.#options = options
  }

  /** A window that no record ends: no stop is written before it. */
  get isOpen(): boolean {
    return this.#open !== undefined || this.#writing !== undefined
  }

  /** Other bounds from now on, or no relaxed recording at all: a window that is open is closed. */
  use(bounds: WindowBounds | undefined): void {
    const before = this.#bounds
    const isSame =
      before?.recordsMax === bounds?.recordsMax && before?.windowMs === bounds?.windowMs
    if (isSame) return
    this.#bounds = bounds
    this.#close()
  }

  /** The window of the incarnation before is ended by the opening of this one. */
  forget(): void {
    this.#life += 1
    this.#open = undefined
    this.#writing = undefined
    this.#mustClose = false
    this.#timer?.cancel()
    this.#idle()
  }

  /** Says whether the record that is appended next may be acted on before it is durable. */
  admits(): boolean {
    if (this.#bounds === undefined || this.#mustClose) return false
    const nowMs = this.#options.clock.ticksMs()
    const open = this.#open
    if (open === undefined) {
      if (this.#writing === undefined && nowMs >= this.#notBeforeMs) this.#begin('open', nowMs)
      return false
    }
    const { recordsMax, windowMs } = open.bounds
    const records = this.#total - open.total
    const agedMs = nowMs - open.beganMs
    const isHalfUsed = 2 * records >= recordsMax || 2 * agedMs >= windowMs
    const mayWrite = this.#writing === undefined && nowMs >= this.#notBeforeMs
    if (isHalfUsed && mayWrite) this.#begin('renew', nowMs)
    return records < recordsMax && agedMs < windowMs
  }

  /** A relaxed record was appended. */
  count(): void {
    this.#total += 1
  }

  /** It was refused, and is not there: nor is anything that was appended after it. */
  discount(): void {
    this.#total -= 1
  }

  /** Nothing is relaxed any more; resolves when no window is open, or it cannot be ended now. */
  async end(): Promise<void> {
    this.use(undefined)
    if (this.isOpen) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
    this.#timer?.cancel()
  }

  #close(): void {
    if (!this.isOpen) return
    this.#mustClose = true
    if (this.#writing === undefined) this.#begin('close', this.#options.clock.ticksMs())
  }

  /** Appended at once: what is counted so far stands before it, what comes stands behind. */
  #begin(act: WindowFacts['act'], nowMs: number): void {
    const life = this.#life
    const [open, total] = [this.#open, this.#total]
    const bounds = act === 'renew' ? open?.bounds : this.#bounds
    this.#writing = act
    const written = (index: LeafIndex): void => {
      if (life !== this.#life) return
      const isBegun = act !== 'close' && bounds !== undefined
      this.#open = isBegun ? { index, bounds, beganMs: nowMs, total } : undefined
      this.#settled()
    }
    const failed = (): void => {
      if (life !== this.#life) return
      this.#notBeforeMs = this.#options.clock.ticksMs() + RETRY_MS
      this.#settled()
      this.#idle()
    }
    try {
      this.#options.write(this.#draft(act, open, bounds), { written, failed })
    } catch {
      failed() // Whoever asked waits for the disk, and is told what is wrong with it.
    }
  }

  #draft(
    act: WindowFacts['act'],
    open: DurableWindow | undefined,
    bounds: WindowBounds | undefined,
  ): WriteDraft {
    const { clock, epoch } = this.#options
    const begins = act === 'close' ? undefined : bounds
    const value: WindowFacts = {
      act,
      ...begins,
      ...(open === undefined ? {} : { records: this.#total - open.total }),
    }
    const fromMs = Math.floor(clock.nowUs() / 1000)
    const about: RecordPlace | undefined = open && { epoch, index: open.index }
    return {
      kind: 'window',
      ...(about === undefined ? {} : { about }),
      ...(open === undefined ? {} : { closes: open.index }),
      ...(begins === undefined
        ? {}
        : { opens: encodeOpenTag({ of: 'window', fromMs, ...begins }) }),
      sections: [{ name: 'what', value }],
    }
  }

  #settled(): void {
    this.#writing = undefined
    this.#timer?.cancel()
    const nowMs = this.#options.clock.ticksMs()
    if (this.#open === undefined) {
      this.#mustClose = false
      this.#idle()
    } else if (this.#mustClose && nowMs >= this.#notBeforeMs) this.#begin('close', nowMs)
    else this.#arm(this.#open, nowMs)
  }

  #arm({ beganMs, bounds }: DurableWindow, nowMs: number): void {
    const overMs = beganMs + bounds.windowMs - nowMs
    const delayMs = Math.max(1, overMs, this.#notBeforeMs - nowMs)
    this.#timer = this.#options.clock.after(delayMs, () => this.#over())
  }

  /** Nothing came that would have renewed it. */
  #over(): void {
    if (this.#open !== undefined && this.#writing === undefined) this.#close()
  }

  #idle(): void {
    const waiting = this.#whenIdle
    this.#whenIdle = []
    for (const resolve of waiting) resolve()
  }
}

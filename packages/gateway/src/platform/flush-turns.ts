type Done = (error: NodeJS.ErrnoException | null) => void

/** Of each second a thread waits so long for flushes itself. */
const WINDOW_MS = 1_000
const WAITED_MS_MAX = 500

/** Flushes by other threads at a time: the runtime has four, and answers wait for some of them. */
const AWAY_AT_ONCE_MAX = 2

export interface FlushTurnsParts {
  readonly nowMs: () => number
  /** Flushes, and blocks the thread meanwhile. */
  readonly inPlace: (handle: number, done: Done) => void
  /** Leaves it to another thread. */
  readonly away: (handle: number, done: Done) => void
}

/**
 * The flushes of a thread that has nobody to answer. To wait for one is cheaper than to be told
 * that it has ended; but a thread that waits does nothing else, and has one under way at a time. So
 * of what a slow disk takes, most is left to other threads.
 */
export class FlushTurns {
  readonly #parts: FlushTurnsParts
  readonly #queue: (() => void)[] = []
  #windowMs = Number.NEGATIVE_INFINITY
  #waitedMs = 0
  #away = 0

  constructor(parts: FlushTurnsParts) {
    this.#parts = parts
  }

  readonly flush = (handle: number, done: Done): void => {
    const beganMs = this.#parts.nowMs()
    if (beganMs - this.#windowMs >= WINDOW_MS) {
      this.#windowMs = beganMs
      this.#waitedMs = 0
    }
    if (this.#waitedMs < WAITED_MS_MAX) {
      this.#parts.inPlace(handle, done)
      this.#waitedMs += this.#parts.nowMs() - beganMs
    } else if (this.#away < AWAY_AT_ONCE_MAX) {
      this.#leave(handle, done)
    } else {
      this.#queue.push(() => this.#leave(handle, done))
    }
  }

  #leave(handle: number, done: Done): void {
    this.#away += 1
    this.#parts.away(handle, (error) => {
      this.#away -= 1
      this.#queue.shift()?.()
      done(error)
    })
  }
}

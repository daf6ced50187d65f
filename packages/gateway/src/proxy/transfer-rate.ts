/**
 * How long a client may make us wait for its body: no silence longer than `idleMs`, and beyond the
 * first `idleMs` of waiting not less than so many bytes a second. Only waiting counts: an upstream
 * that is slow is not the client's fault.
 */
export class TransferRate {
  readonly #idleMs: number
  readonly #bytesPerSecondMin: number
  #waitedMs = 0

  constructor(idleMs: number, bytesPerSecondMin: number) {
    this.#idleMs = idleMs
    this.#bytesPerSecondMin = bytesPerSecondMin
  }

  /** How long the next wait may be when `bytes` have passed; at least a millisecond. */
  allowedMs(bytes: number): number {
    if (this.#bytesPerSecondMin === 0) return this.#idleMs
    const earnedMs = (bytes / this.#bytesPerSecondMin) * 1000
    return Math.max(1, Math.min(this.#idleMs, this.#idleMs + earnedMs - this.#waitedMs))
  }

  waited(ms: number): void {
    this.#waitedMs += ms
  }
}

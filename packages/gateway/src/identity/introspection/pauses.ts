/** After an answer that did not come, nobody is kept waiting for the next. */
const PAUSE_MS = 1000
/** Tokens that wait; more of them push the oldest out. */
const TOKENS_MAX = 10_000

/**
 * When an endpoint is asked again that gave no answer. Whoever has one token that it stumbles over
 * must not keep it from the others: one token waits alone, all wait after two that differ.
 */
export class Pauses {
  readonly #tokens = new Map<string, number>()
  #allUntilMs = Number.NEGATIVE_INFINITY
  /** The last one that got no answer, where no other has got one since. */
  #failed: string | undefined

  holds(token: string, nowMs: number): boolean {
    if (nowMs < this.#allUntilMs) return true
    const untilMs = this.#tokens.get(token)
    return untilMs !== undefined && nowMs < untilMs
  }

  answered(): void {
    this.#failed = undefined
  }

  /** `isItsOwn`: there was an answer, and it says nothing of the endpoint. */
  failed(token: string, nowMs: number, isItsOwn: boolean): void {
    const untilMs = nowMs + PAUSE_MS
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size >= TOKENS_MAX && oldest !== undefined) this.#tokens.delete(oldest)
    this.#tokens.delete(token)
    this.#tokens.set(token, untilMs)
    if (isItsOwn) return
    if (this.#failed !== undefined && this.#failed !== token) this.#allUntilMs = untilMs
    this.#failed = token
  }
}

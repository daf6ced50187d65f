/** After an answer that did not come, nobody is kept waiting for the next. */
const PAUSE_MS = 1000
/** Tokens that wait, and networks; more of them push the oldest out. */
const WAITING_MAX = 10_000
/** Networks whose questions got no answer, one after the other, before everybody waits. */
const NETWORKS_MIN = 3

/**
 * When an endpoint is asked again that gave no answer. Whoever has tokens that it stumbles over
 * must not keep it from the others: one token waits alone, its network after two that differ, and
 * all when no network gets answers.
 */
export class Pauses {
  readonly #tokens = new Map<string, number>()
  readonly #networks = new Map<string, number>()
  #allUntilMs = Number.NEGATIVE_INFINITY
  /** The last token of each network that got no answer, where nobody has got one since. */
  readonly #failed = new Map<string, string>()

  holds(token: string, network: string, nowMs: number): boolean {
    if (nowMs < this.#allUntilMs) return true
    return isWaiting(this.#tokens, token, nowMs) || isWaiting(this.#networks, network, nowMs)
  }

  answered(): void {
    this.#failed.clear()
  }

  /** `isItsOwn`: there was an answer, and it says nothing of the endpoint. */
  failed(
    { token, network }: { readonly token: string; readonly network: string },
    nowMs: number,
    isItsOwn: boolean,
  ): void {
    const untilMs = nowMs + PAUSE_MS
    wait(this.#tokens, token, untilMs)
    if (isItsOwn) return
    const before = this.#failed.get(network)
    if (before !== undefined && before !== token) wait(this.#networks, network, untilMs)
    this.#failed.set(network, token)
    if (this.#failed.size < NETWORKS_MIN) return
    this.#allUntilMs = untilMs
    // It takes as many again: after a pause no single one can begin the next.
    this.#failed.clear()
  }
}

function isWaiting(waiting: ReadonlyMap<string, number>, who: string, nowMs: number): boolean {
  const untilMs = waiting.get(who)
  return untilMs !== undefined && nowMs < untilMs
}

function wait(waiting: Map<string, number>, who: string, untilMs: number): void {
  waiting.delete(who)
  const [oldest] = waiting.keys()
  if (waiting.size >= WAITING_MAX && oldest !== undefined) waiting.delete(oldest)
  waiting.set(who, untilMs)
}

import {
  type Counting,
  type CountsFacts,
  type RequestEnd,
  requestDurations,
  type UpstreamEnd,
  upstreamDurations,
} from './metrics.ts'

/** Counts what `Metrics` counts, to be added to those of another process. */
export class Counts implements Counting {
  readonly #requests = requestDurations()
  readonly #upstreams = upstreamDurations()
  readonly #outcomes = new Map<string, number>()
  readonly #refusals = new Map<string, Map<string, number>>()
  #accepted = 0
  #ended = 0
  #intents = 0
  #own = 0

  accepted(): void {
    this.#accepted += 1
  }

  ended({ route = '', method = '_OTHER', status, durationMs }: RequestEnd): void {
    this.#ended += 1
    this.#requests.observe(route, method, status ?? 0, durationMs / 1000)
  }

  upstreamEnded({ upstream, status = 0, durationMs }: UpstreamEnd): void {
    this.#upstreams.observe(upstream, '', status, durationMs / 1000)
  }

  intended(): void {
    this.#intents += 1
  }

  concluded(ended: string): void {
    this.#outcomes.set(ended, (this.#outcomes.get(ended) ?? 0) + 1)
  }

  refused(reason: string, recorded: 'whole' | 'folded' | 'no'): void {
    const byReason = this.#refusals.get(reason) ?? new Map<string, number>()
    this.#refusals.set(reason, byReason)
    byReason.set(recorded, (byReason.get(recorded) ?? 0) + 1)
  }

  answeredOwn(): void {
    this.#own += 1
  }

  certificateOrdered(): void {
    // Certificates are obtained, and counted, by the other process.
  }

  /** All since the last call. */
  take(): CountsFacts {
    const facts = {
      accepted: this.#accepted,
      ended: this.#ended,
      intents: this.#intents,
      own: this.#own,
      outcomes: [...this.#outcomes],
      refusals: [...this.#refusals].flatMap(([reason, counts]) =>
        [...counts].map(([recorded, count]) => [reason, recorded, count] as const),
      ),
      requests: this.#requests.take(),
      upstreams: this.#upstreams.take(),
    }
    this.#accepted = 0
    this.#ended = 0
    this.#intents = 0
    this.#own = 0
    this.#outcomes.clear()
    this.#refusals.clear()
    return facts
  }
}

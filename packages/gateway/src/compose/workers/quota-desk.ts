import type { Config } from '../../config/index.ts'
import { LimitsError, Quota, type QuotaStore, type StoreAnswer } from '../../limits/index.ts'
import type { Answer } from './messages.ts'

type Quotas = ReadonlyMap<string, Quota>

/** Quotas of the configuration in force, and of the one before: a worker may be a moment behind. */
export class QuotaNames {
  #current: Quotas
  #former: Quotas = new Map()

  constructor(config: Config['quotas']) {
    this.#current = made(config)
  }

  replace(config: Config['quotas']): void {
    this.#former = this.#current
    this.#current = made(config)
  }

  named(name: string): Quota | undefined {
    return this.#current.get(name) ?? this.#former.get(name)
  }
}

function made(config: Config['quotas']): Quotas {
  return new Map(Object.entries(config).map(([name, one]) => [name, new Quota(name, one)]))
}

/** What one worker, in one life, has taken of the quotas. */
export class QuotaDesk {
  readonly #store: QuotaStore
  readonly #names: QuotaNames
  readonly #answer: (row: Answer) => void
  readonly #held = new Map<number, StoreAnswer>()
  #next = 0
  #isClosed = false

  constructor(parts: {
    readonly store: QuotaStore
    readonly names: QuotaNames
    readonly answer: (row: Answer) => void
  }) {
    this.#store = parts.store
    this.#names = parts.names
    this.#answer = parts.answer
  }

  /** `asks`: name, key and cost, one after the other. */
  async take(place: number, asks: readonly (string | number)[], leaseUs: number): Promise<void> {
    try {
      const asked = this.#asksOf(asks)
      const answer = await this.#store.take(asked, leaseUs)
      // Who asked may have died meanwhile, and nobody would give it back.
      if (this.#isClosed) return answer.release()
      const standings = answer.standings.flatMap((each) => {
        const { used, waitUs, resetUs, concurrent, isFull } = each
        return [used, waitUs, resetUs, concurrent, isFull ? 1 : 0]
      })
      // What counts at its beginning alone needs no end.
      const goesOn = asked.some(({ quota }) => quota.concurrency !== undefined)
      const held = answer.isAdmitted && goesOn ? this.#hold(answer) : undefined
      this.#answer(['taken', place, held, answer.isAdmitted, standings])
    } catch (error) {
      this.#answer(['refused', place, 'LIMITS_UNAVAILABLE', String(error)])
    }
  }

  release(held: number): void {
    this.#held.get(held)?.release()
    this.#held.delete(held)
  }

  renew(held: number): void {
    this.#held.get(held)?.renew()
  }

  /** The worker is no more: nothing of it goes on. */
  close(): void {
    this.#isClosed = true
    for (const answer of this.#held.values()) answer.release()
    this.#held.clear()
  }

  #asksOf(asks: readonly (string | number)[]): Parameters<QuotaStore['take']>[0] {
    return Array.from({ length: asks.length / 3 }, (_, at) => {
      const [name, key, cost] = asks.slice(3 * at, 3 * at + 3) as [string, string, number]
      const quota = this.#names.named(name)
      if (quota !== undefined) return { quota, key, cost }
      throw new LimitsError('LIMITS_UNAVAILABLE', `no quota is called ${name}`)
    })
  }

  #hold(answer: StoreAnswer): number {
    const held = this.#next
    this.#next += 1
    this.#held.set(held, answer)
    return held
  }
}

import type { LimitFacts } from '@countersign/evidence'
import { LimitsError } from './limits-error.ts'
import { type Caller, Quota } from './quota.ts'
import type { QuotasConfig } from './quota-config.ts'
import { concurrentName } from './quota-texts.ts'
import type { Ask, QuotaStore, Standing, StoreAnswer } from './store.ts'

/** Why a request is refused by its quotas. */
export type QuotaRefusal =
  | 'rate-limited'
  | 'quota-exhausted'
  | 'concurrency-limited'
  | 'limits-unavailable'

/** What the quotas of a route say of one request. */
export interface QuotaVerdict {
  /** Undefined: it is admitted. */
  readonly refusal: QuotaRefusal | undefined
  /** Seconds after which it may be admitted, where it is refused. */
  readonly retryAfterSeconds: number
  readonly quotas: readonly Quota[]
  /** In the order of the quotas; empty where nothing could be counted. */
  readonly standings: readonly Standing[]
  /** Ends what counts as going on; more than one call is one. */
  readonly release: () => void
  /** For what goes on longer than exchanges do: to be called more often than once a minute. */
  readonly renew: () => void
  /** Why nothing could be counted. */
  readonly fault?: LimitsError
}

const SECOND_US = 1_000_000
const US_PER_MS = 1000
/** What a gateway that died had going counts as long as any exchange may last, and this longer. */
const LEASE_GRACE_MS = 60_000

/** The quotas of one configuration, over a store that outlives it. */
export class Quotas {
  readonly #quotas: ReadonlyMap<string, Quota>
  readonly #store: QuotaStore
  readonly #onUnavailable: 'deny' | 'allow'
  readonly #leaseUs: number

  constructor(parts: {
    readonly config: QuotasConfig
    readonly store: QuotaStore
    readonly onUnavailable: 'deny' | 'allow'
    /** No exchange lasts longer. */
    readonly exchangeMs: number
  }) {
    const { config, store, onUnavailable, exchangeMs } = parts
    const made = Object.entries(config).map(([name, one]) => [name, new Quota(name, one)] as const)
    this.#quotas = new Map(made)
    this.#store = store
    this.#onUnavailable = onUnavailable
    this.#leaseUs = (exchangeMs + LEASE_GRACE_MS) * US_PER_MS
  }

  /** Undefined where the configuration has no quota of that name. */
  named(name: string): Quota | undefined {
    return this.#quotas.get(name)
  }

  /** Counts one request under all of `quotas`, or under none. Never rejects for the store. */
  take(quotas: readonly Quota[], caller: Caller): QuotaVerdict | Promise<QuotaVerdict> {
    const asks: Ask[] = []
    for (const quota of quotas) {
      asks.push({ quota, key: quota.keyOf(caller), cost: quota.costOf(caller) })
    }
    try {
      const answer = this.#store.take(asks, this.#leaseUs)
      if (!(answer instanceof Promise)) return verdictOf(quotas, answer)
      return answer.then(
        (settled) => verdictOf(quotas, settled),
        (error: unknown) => this.#unavailable(quotas, error),
      )
    } catch (error) {
      return this.#unavailable(quotas, error)
    }
  }

  #unavailable(quotas: readonly Quota[], error: unknown): QuotaVerdict {
    if (!(error instanceof LimitsError)) throw error
    return {
      refusal: this.#onUnavailable === 'deny' ? 'limits-unavailable' : undefined,
      retryAfterSeconds: 1,
      quotas,
      standings: [],
      release: () => undefined,
      renew: () => undefined,
      fault: error,
    }
  }
}

/** What the record says of them: names and numbers, nobody. */
export function limitFacts({ quotas, standings }: QuotaVerdict): readonly LimitFacts[] {
  const facts: LimitFacts[] = []
  for (let at = 0; at < standings.length; at += 1) {
    const [quota, standing] = [quotas[at], standings[at]]
    if (quota === undefined || standing === undefined) continue
    const { name, rate, concurrency } = quota
    if (rate !== undefined) facts.push({ name, limit: rate.burst, used: standing.used })
    if (concurrency === undefined) continue
    facts.push({ name: concurrentName(quota), limit: concurrency, used: standing.concurrent })
  }
  return facts
}

/** The same as JSON: names are plain words, and the figures are whole numbers. */
export function limitText({ quotas, standings }: QuotaVerdict): string {
  let text = ''
  for (let at = 0; at < standings.length; at += 1) {
    const [quota, standing] = [quotas[at], standings[at]]
    if (quota === undefined || standing === undefined) continue
    const { rateUsed, concurrentUsed } = quota.texts
    if (rateUsed !== undefined) text += `${text === '' ? '' : ','}${rateUsed}${standing.used}}`
    if (concurrentUsed === undefined) continue
    text += `${text === '' ? '' : ','}${concurrentUsed}${standing.concurrent}}`
  }
  return `[${text}]`
}

function verdictOf(quotas: readonly Quota[], answer: StoreAnswer): QuotaVerdict {
  const { isAdmitted, standings, release, renew } = answer
  if (isAdmitted) {
    return { refusal: undefined, retryAfterSeconds: 0, quotas, standings, release, renew }
  }
  let longest: { readonly at: number; readonly waitUs: number } | undefined
  for (const [at, { waitUs }] of standings.entries()) {
    if (waitUs > (longest?.waitUs ?? 0)) longest = { at, waitUs }
  }
  const retryAfterSeconds = Math.max(1, Math.ceil((longest?.waitUs ?? 0) / SECOND_US))
  const refusal = refusalOf(longest && quotas[longest.at])
  return { refusal, retryAfterSeconds, quotas, standings, release, renew }
}

/** By the quota that takes longest: its end is what the caller has to wait for. */
function refusalOf(quota: Quota | undefined): QuotaRefusal {
  if (quota === undefined) return 'concurrency-limited'
  return quota.isDurable ? 'quota-exhausted' : 'rate-limited'
}

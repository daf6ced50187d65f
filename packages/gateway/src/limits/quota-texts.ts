import type { Rate } from './gcra.ts'

/**
 * What answers and records say of one quota, up to the figures: a rate, and how many go on at a
 * time. Names are plain words of the configuration, with nothing to escape.
 */
export interface QuotaTexts {
  /** Its items in `RateLimit-Policy`. */
  readonly policies: string
  /** Its item in `RateLimit`, up to what is left; undefined where it limits no rate. */
  readonly rateLeft: string | undefined
  readonly concurrentLeft: string | undefined
  /** The same of a record, up to what is used. */
  readonly rateUsed: string | undefined
  readonly concurrentUsed: string | undefined
}

interface Limits {
  readonly name: string
  readonly rate: Rate | undefined
  readonly concurrency: number | undefined
}

const SECOND_US = 1_000_000

/** How the limit of what goes on at a time is called, beside a rate and alone. */
export function concurrentName({ name, rate }: Limits): string {
  return rate === undefined ? name : `${name}.concurrent`
}

export function textsOf(limits: Limits): QuotaTexts {
  const { name, rate, concurrency } = limits
  const concurrent = concurrentName(limits)
  const hasConcurrent = concurrency !== undefined
  const policies = [
    rate && `"${name}";q=${rate.limit};w=${rate.windowUs / SECOND_US}`,
    hasConcurrent ? `"${concurrent}";q=${concurrency};qu="concurrent-requests"` : undefined,
  ]
  return {
    policies: policies.filter((policy) => policy !== undefined).join(', '),
    rateLeft: rate && `"${name}";r=`,
    concurrentLeft: hasConcurrent ? `"${concurrent}";r=` : undefined,
    rateUsed: rate && upToUsed(name, rate.burst),
    concurrentUsed: hasConcurrent ? upToUsed(concurrent, concurrency) : undefined,
  }
}

function upToUsed(name: string, limit: number): string {
  return `{"name":${JSON.stringify(name)},"limit":${limit},"used":`
}

/** Failures that one address may cause at once, and how fast it may cause more. */
const FAILURES_MAX = 10
const FAILURES_PER_MINUTE = 10
/** Failures of everybody together that are written down; more of them are only counted. */
const RECORDED_MAX = 100
const RECORDED_PER_MINUTE = 100
/** Addresses that are remembered; the one that has been quiet longest is forgotten first. */
const ADDRESSES_MAX = 4096
const MINUTE_MS = 60_000

interface Bucket {
  tokens: number
  atMs: number
}

/** How often somebody may show what is no credential of ours, or ask for what they may not do. */
export class FailureRates {
  readonly #byAddress = new Map<string, Bucket>()
  readonly #recorded: Bucket = { tokens: RECORDED_MAX, atMs: 0 }

  /** Seconds to wait; 0 where an attempt may be made now. */
  retryAfterSeconds(address: string, nowMs: number): number {
    const bucket = this.#byAddress.get(prefixOf(address))
    if (bucket === undefined) return 0
    fill(bucket, nowMs, FAILURES_MAX, FAILURES_PER_MINUTE)
    if (bucket.tokens >= 1) return 0
    return Math.ceil(((1 - bucket.tokens) * MINUTE_MS) / FAILURES_PER_MINUTE / 1000)
  }

  /** Counts a failure; says whether it is one of those that are written down. */
  count(address: string, nowMs: number): boolean {
    const prefix = prefixOf(address)
    const bucket = this.#byAddress.get(prefix) ?? { tokens: FAILURES_MAX, atMs: nowMs }
    fill(bucket, nowMs, FAILURES_MAX, FAILURES_PER_MINUTE)
    bucket.tokens = Math.max(0, bucket.tokens - 1)
    this.#byAddress.delete(prefix)
    this.#byAddress.set(prefix, bucket)
    for (const oldest of this.#byAddress.keys()) {
      if (this.#byAddress.size <= ADDRESSES_MAX) break
      this.#byAddress.delete(oldest)
    }
    fill(this.#recorded, nowMs, RECORDED_MAX, RECORDED_PER_MINUTE)
    if (this.#recorded.tokens < 1) return false
    this.#recorded.tokens -= 1
    return true
  }
}

function fill(bucket: Bucket, nowMs: number, max: number, perMinute: number): void {
  const grown = ((nowMs - bucket.atMs) * perMinute) / MINUTE_MS
  bucket.tokens = Math.min(max, bucket.tokens + Math.max(0, grown))
  bucket.atMs = nowMs
}

/** Whoever has an IPv6 address has its network of 64 bits. */
function prefixOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('::')
  const groups = head.split(':')
  const missing = address.includes('::') ? 8 - groups.length - tail.split(':').length : 0
  return [...groups, ...Array.from({ length: Math.max(0, missing) }, () => '0')]
    .slice(0, 4)
    .join(':')
}

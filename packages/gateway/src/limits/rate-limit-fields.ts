import type { QuotaVerdict } from './quotas.ts'

const SECOND_US = 1_000_000

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): lists of strings
 * with parameters (RFC 9651). A name is a plain word of the configuration: nothing to escape.
 */
export function rateLimitFields({
  quotas,
  standings,
  refusal,
  retryAfterSeconds,
}: QuotaVerdict): readonly (readonly [string, string])[] {
  const policies: string[] = []
  const limits: string[] = []
  for (const [at, { used, resetUs, concurrent }] of standings.entries()) {
    const { name, rate, concurrency } = quotas[at] ?? {}
    if (rate !== undefined) {
      policies.push(`"${name}";q=${rate.limit};w=${rate.windowUs / SECOND_US}`)
      const left = Math.max(0, rate.burst - used)
      limits.push(`"${name}";r=${left};t=${Math.ceil(resetUs / SECOND_US)}`)
    }
    if (concurrency !== undefined) {
      const both = rate === undefined ? `"${name}"` : `"${name}.concurrent"`
      policies.push(`${both};q=${concurrency};qu="concurrent-requests"`)
      limits.push(`${both};r=${Math.max(0, concurrency - concurrent)}`)
    }
  }
  return [
    ...(policies.length === 0
      ? []
      : ([
          ['ratelimit-policy', policies.join(', ')],
          ['ratelimit', limits.join(', ')],
        ] as const)),
    ...(refusal === undefined ? [] : ([['retry-after', String(retryAfterSeconds)]] as const)),
  ]
}

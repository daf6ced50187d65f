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
  let policies = ''
  let limits = ''
  for (let at = 0; at < standings.length; at += 1) {
    const [quota, standing] = [quotas[at], standings[at]]
    if (quota === undefined || standing === undefined) continue
    const { name, rate, concurrency } = quota
    const { used, resetUs, concurrent } = standing
    for (const policy of quota.policies) policies += policies === '' ? policy : `, ${policy}`
    if (rate !== undefined) {
      const left = Math.max(0, rate.burst - used)
      const seconds = Math.ceil(resetUs / SECOND_US)
      limits += `${limits === '' ? '' : ', '}"${name}";r=${left};t=${seconds}`
    }
    if (concurrency !== undefined) {
      const both = rate === undefined ? name : `${name}.concurrent`
      limits += `${limits === '' ? '' : ', '}"${both}";r=${Math.max(0, concurrency - concurrent)}`
    }
  }
  const fields: (readonly [string, string])[] = []
  if (policies !== '') fields.push(['ratelimit-policy', policies], ['ratelimit', limits])
  if (refusal !== undefined) fields.push(['retry-after', String(retryAfterSeconds)])
  return fields
}

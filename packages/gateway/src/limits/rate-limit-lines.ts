import type { QuotaVerdict } from './quotas.ts'

const SECOND_US = 1_000_000

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11), and `Retry-After`
 * of a refusal, as lines of a head: lists of strings with parameters (RFC 9651).
 */
export function rateLimitLines(verdict: QuotaVerdict): string {
  const { quotas, standings, refusal, retryAfterSeconds } = verdict
  let policies = ''
  let limits = ''
  for (let at = 0; at < standings.length; at += 1) {
    const [quota, standing] = [quotas[at], standings[at]]
    if (quota === undefined || standing === undefined) continue
    const { rate, concurrency, texts } = quota
    policies += at === 0 ? texts.policies : `, ${texts.policies}`
    if (rate !== undefined) {
      const left = Math.max(0, rate.burst - standing.used)
      const seconds = Math.ceil(standing.resetUs / SECOND_US)
      limits += `${limits === '' ? '' : ', '}${texts.rateLeft}${left};t=${seconds}`
    }
    if (concurrency !== undefined) {
      const left = Math.max(0, concurrency - standing.concurrent)
      limits += `${limits === '' ? '' : ', '}${texts.concurrentLeft}${left}`
    }
  }
  const lines = policies === '' ? '' : `ratelimit-policy: ${policies}\r\nratelimit: ${limits}\r\n`
  return refusal === undefined ? lines : `${lines}retry-after: ${retryAfterSeconds}\r\n`
}

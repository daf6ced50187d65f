import type { Step } from './exchange.ts'

/** Quotas will be counted here; the limits of a single request are met where they are reached. */
export function limit(): Step {
  return 'next'
}

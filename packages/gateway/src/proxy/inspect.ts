import type { Step } from './exchange.ts'

/** Bodies and schemas will be inspected here. */
export function inspect(): Step {
  return 'next'
}

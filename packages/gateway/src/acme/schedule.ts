import type { AcmeConfig } from './acme-config.ts'
import type { HeldCertificate } from './certificate.ts'

/** How much of the lifetime chance may add, so that not all gateways ask at once. */
const CHANCE_OF_LIFETIME = 0.05

/** When to ask for another one, in milliseconds since 1970. `chance` is from 0 to 1. */
export function renewalMs(
  { fromMs, untilMs }: Pick<HeldCertificate, 'fromMs' | 'untilMs'>,
  { renewAfterPercent }: Pick<AcmeConfig, 'renewAfterPercent'>,
  chance: number,
): number {
  const lifetimeMs = untilMs - fromMs
  return fromMs + lifetimeMs * (renewAfterPercent / 100 + CHANCE_OF_LIFETIME * chance)
}

/** How long to wait after the `failures`-th failure in a row; half of it is chance. */
export function backOffMs(
  failures: number,
  { retry: { minMs, maxMs } }: Pick<AcmeConfig, 'retry'>,
  chance: number,
): number {
  const wholeMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30))
  return wholeMs * (0.5 + chance / 2)
}

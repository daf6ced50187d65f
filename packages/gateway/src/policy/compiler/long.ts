import { fail } from './evaluation-error.ts'

export const LONG_MIN: bigint = -(2n ** 63n)
export const LONG_MAX: bigint = 2n ** 63n - 1n

/** The number, where 64 bits hold it. */
export function checked(number: bigint): bigint {
  return isLong(number) ? number : fail()
}

export function isLong(number: bigint): boolean {
  return number >= LONG_MIN && number <= LONG_MAX
}

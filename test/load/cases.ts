import type { LoadCase } from './case.ts'
import { soak } from './l6-soak.ts'
import { kill } from './l7-kill.ts'
import { lossy } from './l8-lossy.ts'
import { issuerGone } from './l10-issuer.ts'
import { policyMidStream } from './l12-policy.ts'

/** By the names that the list of loads gives them. */
export const LOAD_CASES: Readonly<Record<string, LoadCase>> = {
  L6: soak,
  L7: kill,
  L8: lossy,
  L10: issuerGone,
  L12: policyMidStream,
}

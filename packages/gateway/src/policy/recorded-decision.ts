import type { Why } from '@countersign/evidence'
import type { Decision, PolicySet } from './policy-set.ts'
import { type DecidedRecord, questionOf } from './recorded-question.ts'

/** Most ids of deciding policies that a record holds. */
export const RECORDED_POLICIES_MAX = 256

/** What policies once said of a request, and what they say of it now. */
export interface Redecided {
  readonly recorded: {
    readonly reason: Decision['reason']
    readonly policies: readonly string[]
  }
  readonly decision: Decision
}

/** Undefined for a record of which not all is there that the policies saw. */
export function redecide(record: DecidedRecord, set: PolicySet): Redecided | undefined {
  const question = questionOf(record)
  const salt = record.who.requestSalt
  if (question === undefined || salt === undefined) return undefined
  const { policies = [] } = record.why
  const decision = set.decide(question, salt)
  const reason = recordedReason(record.why, decision.reason)
  return { recorded: { reason, policies }, decision }
}

/** In what a decision that is made again differs from the recorded one; empty: in nothing. */
export function differencesOf({ recorded, decision }: Redecided, why: Why): readonly string[] {
  const found: string[] = []
  const compare = (what: string, was: string | undefined, is: string): void => {
    if (was !== is) found.push(`${what}: recorded ${was ?? 'none'}, recomputed ${is}`)
  }
  compare('policy set', why.policySetSha256, decision.policySet)
  compare('reason', recorded.reason, decision.reason)
  const policies = decision.policies.slice(0, RECORDED_POLICIES_MAX)
  compare('policies', recorded.policies.join(', '), policies.join(', '))
  compare('digest of the authorisation request', why.requestSha256, decision.request)
  return found
}

/**
 * A request that later stages refused had been permitted, or would have been with an approval. Of
 * one that named an approval which it could not have, both may be so: it is refused either way.
 */
function recordedReason({ reason }: Why, now: Decision['reason']): Decision['reason'] {
  switch (reason) {
    case 'policy-permits':
    case 'no-policy-permits':
    case 'policy-forbids':
    case 'policy-failed':
    case 'approval-needed':
      return reason
    case 'approval-refused':
      return now === 'policy-permits' ? now : 'approval-needed'
    case 'approvals-full':
      return 'approval-needed'
    default:
      return 'policy-permits'
  }
}

import {
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
import { PolicyError, type PolicyProblem } from './policy-error.ts'
import {
  type NamedPolicy,
  type PolicyFile,
  problemOf,
  splitFile,
  wholeFile,
} from './policy-files.ts'
import { encodeQuestion, type Question, toCall } from './question.ts'
import { POLICY_SCHEMA } from './schema.ts'

/** Bytes to 64 lower-case hexadecimal digits of their SHA-256. */
export type HexDigest = (bytes: Uint8Array) => string

/** Why a request may or may not pass. The default is written down, and it is no. */
export interface Decision {
  readonly allow: boolean
  readonly reason: 'policy-permits' | 'no-policy-permits' | 'policy-forbids' | 'policy-failed'
  /** Ids of the policies that decided, sorted; those that failed where the reason says so. */
  readonly policies: readonly string[]
  /** Digest of the policy set that was asked. */
  readonly policySet: string
  /** Digest of everything the policies saw. */
  readonly request: string
}

const SCHEMA_NAME = 'countersign'

/** Policies in force: parsed and validated once, asked for every request. */
export class PolicySet {
  readonly digest: string
  readonly ids: readonly string[]
  readonly #hexDigest: HexDigest

  private constructor(digest: string, ids: readonly string[], hexDigest: HexDigest) {
    this.digest = digest
    this.ids = ids
    this.#hexDigest = hexDigest
  }

  /** Throws PolicyError with every problem of every file; a set that is in force stays so. */
  static compile(files: readonly PolicyFile[], hexDigest: HexDigest): PolicySet {
    const policies = readPolicies(files)
    const sorted = policies.toSorted((left, right) => (left.id < right.id ? -1 : 1))
    const named = Object.fromEntries(sorted.map(({ id, text }) => [id, text]))
    const digest = hexDigest(new TextEncoder().encode(JSON.stringify([POLICY_SCHEMA, named])))
    // The engine keeps parsed sets by name for ever: the digest as the name bounds that to one
    // for each distinct set, and makes it impossible to decide by a set of another digest.
    mustParse(preparseSchema(SCHEMA_NAME, POLICY_SCHEMA))
    mustParse(preparsePolicySet(digest, { staticPolicies: named }))
    return new PolicySet(digest, Object.keys(named), hexDigest)
  }

  /** Pure: the same question has the same answer for ever. A policy that fails denies. */
  /** The salt goes into the digest of the request, and must be kept where it can be erased. */
  decide(question: Question, salt: string): Decision {
    const about = {
      policySet: this.digest,
      request: this.#hexDigest(encodeQuestion(salt, this.digest, question)),
    }
    const denied = (reason: Decision['reason'], policies: readonly string[]): Decision => {
      return { allow: false, reason, policies: policies.toSorted(), ...about }
    }
    const answer = ask(this.digest, question)
    if (answer.type === 'failure') return denied('policy-failed', [])
    const { decision, diagnostics } = answer.response
    // The engine skips a policy that fails. A forbid that is skipped would be a hole: we deny.
    if (diagnostics.errors.length > 0) {
      return denied(
        'policy-failed',
        diagnostics.errors.map(({ policyId }) => policyId),
      )
    }
    if (decision === 'allow') {
      const policies = diagnostics.reason.toSorted()
      return { allow: true, reason: 'policy-permits', policies, ...about }
    }
    const forbidden = diagnostics.reason.length > 0
    return denied(forbidden ? 'policy-forbids' : 'no-policy-permits', diagnostics.reason)
  }
}

function ask(
  policySet: string,
  question: Question,
): ReturnType<typeof statefulIsAuthorized> | { readonly type: 'failure' } {
  try {
    return statefulIsAuthorized({
      ...toCall(question),
      preparsedPolicySetId: policySet,
      preparsedSchemaName: SCHEMA_NAME,
      validateRequest: true,
    })
  } catch {
    // A trap inside the engine, or a fact it cannot take (a lone surrogate): no answer is no.
    return { type: 'failure' }
  }
}

function readPolicies(files: readonly PolicyFile[]): readonly NamedPolicy[] {
  const problems: PolicyProblem[] = []
  const policies: NamedPolicy[] = []
  for (const file of files) {
    const splitting = splitFile(file)
    if ('problems' in splitting) problems.push(...splitting.problems)
    else policies.push(...splitting.policies)
  }
  problems.push(...sameIds(policies), ...misfits(policies))
  if (problems.length > 0) throw new PolicyError('POLICY_INVALID', problems)
  return policies
}

function sameIds(policies: readonly NamedPolicy[]): readonly PolicyProblem[] {
  const seen = new Map<string, NamedPolicy>()
  return policies.flatMap((policy) => {
    const other = seen.get(policy.id)
    seen.set(policy.id, policy)
    if (other === undefined) return []
    return [wholeFile(policy.file, `@id("${policy.id}") is also in ${other.file.name}`)]
  })
}

/** Validates file by file, so that positions are those of the file. */
function misfits(policies: readonly NamedPolicy[]): readonly PolicyProblem[] {
  return [...new Set(policies.map(({ file }) => file))].flatMap((file) => {
    const answer = validate({ schema: POLICY_SCHEMA, policies: { staticPolicies: file.text } })
    if (answer.type === 'failure') return answer.errors.map((error) => problemOf(file, error))
    // A policy that can never apply is a mistake that looks like protection.
    return [...answer.validationErrors, ...answer.validationWarnings].map(({ error }) =>
      problemOf(file, error),
    )
  })
}

function mustParse(answer: ReturnType<typeof preparseSchema>): void {
  if (answer.type === 'success') return
  const file = { name: 'schema', text: '' }
  throw new PolicyError(
    'POLICY_ENGINE',
    answer.errors.map((error) => problemOf(file, error)),
  )
}

import {
  preparsePolicySet,
  preparseSchema,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs'
import type { Outcome } from './compiler/index.ts'
import { PolicyError } from './policy-error.ts'
import { problemOf } from './policy-files.ts'
import { type Question, toCall } from './question.ts'
import { POLICY_SCHEMA } from './schema.ts'

const SCHEMA_NAME = 'countersign'

/** Policies that Cedar's own engine decides; slower, and what our own compiler is held against. */
export class Engine {
  readonly #name: string

  /**
   * `name` must be of these policies alone, by content. The engine keeps parsed sets by name for
   * ever: so there is one for each distinct set, and none is ever taken for another.
   */
  constructor(name: string, policies: Readonly<Record<string, string>>) {
    this.#name = name
    mustParse(preparseSchema(SCHEMA_NAME, POLICY_SCHEMA))
    mustParse(preparsePolicySet(name, { staticPolicies: { ...policies } }))
  }

  /** Undefined where the engine takes the question for no question. */
  evaluate(question: Question): Outcome | undefined {
    const answer = this.#ask(question)
    if (answer.type === 'failure') return undefined
    const { decision, diagnostics } = answer.response
    const failed = diagnostics.errors.map(({ policyId }) => policyId)
    // It names the permits only where no forbid applies; nobody asks for them then.
    const [permits, forbids] =
      decision === 'allow' ? [diagnostics.reason, []] : [[], diagnostics.reason]
    return { permits, forbids, failed }
  }

  #ask(question: Question): ReturnType<typeof statefulIsAuthorized> | { readonly type: 'failure' } {
    try {
      return statefulIsAuthorized({
        ...toCall(question),
        preparsedPolicySetId: this.#name,
        preparsedSchemaName: SCHEMA_NAME,
        validateRequest: true,
      })
    } catch {
      // A trap inside the engine, or a fact it cannot take (a lone surrogate): no answer is no.
      return { type: 'failure' }
    }
  }
}

function mustParse(answer: ReturnType<typeof preparseSchema>): void {
  if (answer.type === 'success') return
  const file = { name: 'schema', text: '' }
  throw new PolicyError(
    'POLICY_ENGINE',
    answer.errors.map((error) => problemOf(file, error)),
  )
}

import { hash } from 'node:crypto'
import type { PolicyFacts } from '@countersign/evidence'
import {
  compilePolicy,
  type Outcome,
  type Rule,
  RuleBook,
  UncoveredError,
} from './compiler/index.ts'
import { encodeQuestion, isWellFormed } from './encode-question.ts'
import { Engine } from './engine.ts'
import type { NamedPolicy, PolicyFile } from './policy-files.ts'
import type { Question } from './question.ts'
import { environmentOf, pageOf } from './request-environment.ts'
import { POLICY_SCHEMA } from './schema.ts'
import { factsOfSet } from './set-records.ts'
import { readValidPolicies } from './validate-policies.ts'

/** Why a request may or may not pass. The default is written down, and it is no. */
export interface Decision {
  readonly allow: boolean
  readonly reason:
    | 'policy-permits'
    | 'no-policy-permits'
    | 'policy-forbids'
    | 'policy-failed'
    | 'approval-needed'
  /** Ids of the policies that decided, sorted; those that failed where the reason says so. */
  readonly policies: readonly string[]
  /**
   * Templates, sorted, that the deciding permits name: with `approval-needed` those that may be
   * asked for, with `policy-permits` those in force without which nothing would permit.
   */
  readonly approvals: readonly string[]
  /** Digest of the policy set that was asked. */
  readonly policySet: string
  /** Digest of everything the policies saw. */
  readonly request: string
}

/** A policy that the compiler does not cover, so that the slower engine decides it. */
export interface UncoveredPolicy {
  readonly id: string
  readonly file: string
  readonly why: string
}

/** Where policies are evaluated: `wasm` asks Cedar's own engine about all of them. */
export type Evaluator = 'compiled' | 'wasm'

/** Policies in force: parsed, validated and compiled once, asked for every request. */
export class PolicySet {
  readonly digest: string
  readonly files: readonly PolicyFile[]
  /** Sorted. */
  readonly ids: readonly string[]
  readonly uncovered: readonly UncoveredPolicy[]
  readonly #book: RuleBook
  readonly #engine: Engine | undefined
  readonly #approvals: ReadonlyMap<string, string>
  /** By the policy that is met first, of each the last. */
  readonly #permitted = new Map<string, { readonly ids: Ids; readonly conclusion: Conclusion }>()

  private constructor(
    files: readonly PolicyFile[],
    policies: readonly NamedPolicy[],
    evaluator: Evaluator,
  ) {
    const named = Object.fromEntries(policies.map(({ id, text }) => [id, text]))
    this.files = files
    this.ids = policies.map(({ id }) => id)
    this.digest = hash('sha256', JSON.stringify([POLICY_SCHEMA, named]), 'hex')
    this.#approvals = new Map(
      policies.flatMap(({ id, approval }) => (approval === undefined ? [] : [[id, approval]])),
    )
    const { rules, uncovered } = compileAll(policies, evaluator)
    this.#book = new RuleBook(rules)
    this.uncovered = uncovered
    if (uncovered.length > 0) {
      const left = Object.fromEntries(uncovered.map(({ id }) => [id, named[id] ?? '']))
      this.#engine = new Engine(hash('sha256', JSON.stringify(left), 'hex'), left)
    }
  }

  /** Names that its policies give to what a second person has to allow, sorted. */
  get approvals(): readonly string[] {
    return this.#templatesOf([...this.#approvals.keys()])
  }

  /** Throws PolicyError with every problem of every file; a set that is in force stays so. */
  static compile(files: readonly PolicyFile[], evaluator: Evaluator = 'compiled'): PolicySet {
    return new PolicySet(files, readValidPolicies(files), evaluator)
  }

  /**
   * Pure: the same question has the same answer for ever. A policy that fails denies. The salt
   * goes into the digest of the request, and must be kept where it can be erased.
   */
  decide(question: Question, salt: string): Decision {
    const encoded = encodeQuestion(salt, this.digest, question)
    const request = hash('sha256', encoded, 'hex')
    const outcome = isWellFormed(encoded) ? this.#evaluate(question) : undefined
    const { allow, reason, policies, approvals } = this.#conclude(outcome, question)
    return { allow, reason, policies, approvals, policySet: this.digest, request }
  }

  /** The `policy` records that hold this set; durable, all of them, before it is in force. */
  records(previous?: string): readonly PolicyFacts[] {
    return factsOfSet(this.digest, this.files, previous)
  }

  #evaluate(question: Question): Outcome | undefined {
    const environment = environmentOf(question)
    if (environment === undefined) return undefined
    const outcome = this.#book.evaluate(environment, pageOf(question))
    if (this.#engine === undefined) return outcome
    const rest = this.#engine.evaluate(question)
    if (rest === undefined) return undefined
    outcome.permits.push(...rest.permits)
    outcome.forbids.push(...rest.forbids)
    outcome.failed.push(...rest.failed)
    return outcome
  }

  #conclude(
    outcome: Outcome | undefined,
    question: Question,
  ): Pick<Decision, 'allow' | 'reason' | 'policies' | 'approvals'> {
    if (outcome === undefined) return denied('policy-failed', [])
    const { permits, forbids, failed } = outcome
    // Cedar skips a policy that fails. A forbid that is skipped would be a hole: we deny.
    if (failed.length > 0) return denied('policy-failed', failed)
    if (forbids.length > 0) return denied('policy-forbids', forbids)
    if (this.#approvals.size === 0) return this.#permittedBy(permits)
    const plain = permits.filter((id) => !this.#approvals.has(id))
    if (plain.length > 0) return permitted(plain, [])
    const approved = permits.filter((id) => {
      return question.context.grants.includes(this.#approvals.get(id) ?? '')
    })
    if (approved.length > 0) return permitted(approved, this.#templatesOf(approved))
    if (permits.length === 0) return denied('no-policy-permits', [])
    return { ...denied('approval-needed', permits), approvals: this.#templatesOf(permits) }
  }

  /** The same policies permit again and again: what follows is made once. */
  #permittedBy(ids: readonly string[]): Conclusion {
    const [first = ''] = ids
    const known = this.#permitted.get(first)
    if (known !== undefined && isSameList(known.ids, ids)) return known.conclusion
    const conclusion = permitted(ids, [])
    this.#permitted.set(first, { ids, conclusion })
    return conclusion
  }

  #templatesOf(ids: readonly string[]): readonly string[] {
    return [...new Set(ids.map((id) => this.#approvals.get(id) ?? ''))].sort()
  }
}

type Ids = readonly string[]
type Conclusion = Pick<Decision, 'allow' | 'reason' | 'policies' | 'approvals'>

function denied(reason: Decision['reason'], ids: readonly string[]): Conclusion {
  return { allow: false, reason, policies: ids.toSorted(), approvals: [] }
}

function permitted(ids: readonly string[], approvals: readonly string[]): Conclusion {
  if (ids.length === 0) return denied('no-policy-permits', [])
  return { allow: true, reason: 'policy-permits', policies: ids.toSorted(), approvals }
}

function isSameList(one: Ids, other: Ids): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at += 1) if (one[at] !== other[at]) return false
  return true
}

interface Compilation {
  readonly rules: readonly Rule[]
  readonly uncovered: readonly UncoveredPolicy[]
}

function compileAll(policies: readonly NamedPolicy[], evaluator: Evaluator): Compilation {
  const rules: Rule[] = []
  const uncovered: UncoveredPolicy[] = []
  for (const { id, file, json } of policies) {
    try {
      if (evaluator === 'wasm') throw new UncoveredError('asked of the engine')
      rules.push({ id, effect: json.effect, ...compilePolicy(json) })
    } catch (error) {
      if (!(error instanceof UncoveredError)) throw error
      uncovered.push({ id, file: file.name, why: error.message })
    }
  }
  return { rules, uncovered }
}

// Holds the compiler against Cedar's own engine: the same policies, the same requests, one answer.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  compilePolicy,
  type Rule,
  RuleBook,
} from '../../packages/gateway/src/policy/compiler/index.ts'
import { METHODS, POLICY_SCHEMA, PolicySet } from '../../packages/gateway/src/policy/index.ts'
import { type Question, toCall } from '../../packages/gateway/src/policy/question.ts'
import { environmentOf } from '../../packages/gateway/src/policy/request-environment.ts'
import {
  type AuthorizationAnswer,
  type CedarValueJson,
  isAuthorized,
  policyToJson,
  validate,
} from '../../packages/gateway/src/policy/testing.ts'
import { policies, questions } from './generated.ts'

const SALT = '00'.repeat(16)
const POLICIES_MAX = 8
const QUESTIONS_MAX = 20

/** What a run has met, so that a run that tests nothing does not pass for one that does. */
export interface Tally {
  cases: number
  policies: number
  uncovered: number
  readonly reasons: Record<string, number>
}

/** Generated sets that validate, each asked about generated requests: `casesMin` or more. */
export function differential(casesMin: number, seed: number): Tally {
  const tally: Tally = { cases: 0, policies: 0, uncovered: 0, reasons: {} }
  for (let round = 0; tally.cases < casesMin; round++) {
    const arbitrary = fc.tuple(
      fc.array(policies(false), { minLength: 1, maxLength: POLICIES_MAX }),
      fc.array(questions, { minLength: QUESTIONS_MAX, maxLength: QUESTIONS_MAX }),
    )
    const check = fc.property(arbitrary, ([texts, asked]) => {
      const valid = withoutInvalid(texts)
      const files = [{ name: 'generated.cedar', text: valid.join('\n') }]
      const [ours, theirs] = [PolicySet.compile(files), PolicySet.compile(files, 'wasm')]
      tally.policies += valid.length
      tally.uncovered += ours.uncovered.length
      for (const question of asked) {
        const decision = ours.decide(question, SALT)
        assert.deepEqual(decision, theirs.decide(question, SALT))
        tally.cases += 1
        tally.reasons[decision.reason] = (tally.reasons[decision.reason] ?? 0) + 1
      }
    })
    fc.assert(check, { numRuns: 25, seed: seed + round, verbose: 1 })
  }
  return tally
}

function withoutInvalid(texts: readonly string[]): readonly string[] {
  const staticPolicies = Object.fromEntries(texts.map((text, at) => [`p${at}`, text]))
  const answer = validate({ schema: POLICY_SCHEMA, policies: { staticPolicies } })
  assert.equal(answer.type, 'success', JSON.stringify(answer))
  const wrong = new Set(
    [...answer.validationErrors, ...answer.validationWarnings].map(({ policyId }) => policyId),
  )
  return texts.filter((_, at) => !wrong.has(`p${at}`))
}

/**
 * Generated policies that need not validate, each by itself: which apply, and which fail. This is
 * stricter than decisions are, since it covers what no valid set would ever do.
 */
export function wildDifferential(casesMin: number, seed: number): Tally {
  const tally: Tally = { cases: 0, policies: 0, uncovered: 0, reasons: {} }
  for (let round = 0; tally.cases < casesMin; round++) {
    const arbitrary = fc.tuple(
      fc.array(policies(true), { minLength: 1, maxLength: POLICIES_MAX }),
      fc.array(questions, { minLength: 4, maxLength: 4 }),
    )
    const check = fc.property(arbitrary, ([texts, asked]) => {
      const permits = texts.map((text) => text.replace('forbid', 'permit'))
      const book = new RuleBook(permits.map(ruleOf))
      tally.policies += texts.length
      for (const question of asked) {
        const environment = environmentOf(question)
        if (environment === undefined) continue
        const ours = book.evaluate(environment, String(tally.cases))
        const theirs = askEngine(permits, question)
        assert.equal(theirs.type, 'success', JSON.stringify(theirs))
        const { reason, errors } = theirs.response.diagnostics
        assert.deepEqual(ours.permits.toSorted(), reason.toSorted())
        assert.deepEqual(ours.failed.toSorted(), errors.map((e) => e.policyId).toSorted())
        tally.cases += 1
        count(tally, 'applies', reason.length)
        count(tally, 'fails', errors.length)
      }
    })
    fc.assert(check, { numRuns: 25, seed: seed + round, verbose: 1 })
  }
  return tally
}

function count(tally: Tally, name: string, more: number): void {
  tally.reasons[name] = (tally.reasons[name] ?? 0) + more
}

function ruleOf(text: string, at: number): Rule {
  const parsed = policyToJson(text)
  assert.equal(parsed.type, 'success', text)
  return { id: `p${at}`, effect: 'permit', ...compilePolicy(parsed.json) }
}

/** The engine without a schema, which knows no actions then unless it is told. */
function askEngine(texts: readonly string[], question: Question): AuthorizationAnswer {
  const call = toCall(question)
  const group = (method: string): string => {
    return ['GET', 'HEAD', 'OPTIONS'].includes(method) ? 'read' : 'write'
  }
  const action = (id: string, parents: readonly string[]): (typeof call.entities)[number] => ({
    uid: { type: 'Action', id },
    attrs: {} as Record<string, CedarValueJson>,
    parents: parents.map((parent) => ({ type: 'Action', id: parent })),
  })
  const actions = METHODS.map((method) => action(method, [group(method)]))
  return isAuthorized({
    ...call,
    entities: [...call.entities, ...actions, action('read', []), action('write', [])],
    policies: { staticPolicies: Object.fromEntries(texts.map((text, at) => [`p${at}`, text])) },
  })
}

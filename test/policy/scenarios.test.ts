import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  compilePolicy,
  type Entity,
  EntityUid,
  type Environment,
  entityKey,
  type Rule,
  RuleBook,
  readValue,
} from '../../packages/gateway/src/policy/compiler/index.ts'
import {
  type EntityJson,
  isAuthorized,
  policyToJson,
} from '../../packages/gateway/src/policy/testing.ts'
import { SCENARIOS, type Scenario, uid } from './scenarios.ts'

/** The entities as the compiler sees them, with everything that each of them is in. */
function storeOf(entities: readonly EntityJson[]): ReadonlyMap<string, Entity> {
  const parents = new Map(
    entities.map((each) => [keyOf(each.uid), each.parents.map(keyOf)] as const),
  )
  const ancestorsOf = (key: string): readonly string[] => {
    return (parents.get(key) ?? []).flatMap((parent) => [parent, ...ancestorsOf(parent)])
  }
  return new Map(
    entities.map((each) => [
      keyOf(each.uid),
      {
        attributes: recordOf(each.attrs),
        tags: recordOf(each.tags ?? {}),
        ancestors: new Set(ancestorsOf(keyOf(each.uid))),
      },
    ]),
  )
}

function keyOf(json: EntityJson['uid']): string {
  const { type, id } = '__entity' in json ? json.__entity : json
  return entityKey(type, id)
}

function recordOf(attributes: EntityJson['attrs']): Entity['attributes'] {
  return new Map(Object.entries(attributes).map(([name, value]) => [name, readValue(value)]))
}

function ruleOf(text: string, at: number): Rule {
  const parsed = policyToJson(text)
  assert.equal(parsed.type, 'success', JSON.stringify(parsed))
  return { id: `p${at}`, effect: parsed.json.effect, ...compilePolicy(parsed.json) }
}

function* requestsOf(scenario: Scenario): Generator<{
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly context: Scenario['contexts'][number]
}> {
  for (const principal of scenario.principals) {
    for (const action of scenario.actions) {
      for (const resource of scenario.resources) {
        for (const context of scenario.contexts) yield { principal, action, resource, context }
      }
    }
  }
}

for (const scenario of SCENARIOS) {
  test(`${scenario.name}: every request is decided as by the engine`, () => {
    const book = new RuleBook(scenario.policies.map(ruleOf))
    const store = storeOf(scenario.entities)
    const staticPolicies = Object.fromEntries(scenario.policies.map((text, at) => [`p${at}`, text]))
    const met = new Set<string>()
    for (const { principal, action, resource, context } of requestsOf(scenario)) {
      const [p, a, r] = [principal, action, resource].map((name) => {
        const { type, id } = uid(name)
        return new EntityUid(type, id)
      }) as [EntityUid, EntityUid, EntityUid]
      const environment: Environment = {
        principal: p,
        action: a,
        resource: r,
        context: recordOf(context),
        principalEntity: store.get(p.key),
        resourceEntity: store.get(r.key),
        entity: (key) => store.get(key),
      }
      const { permits, forbids, failed } = book.evaluate(environment, `${action} ${resource}`)
      const theirs = isAuthorized({
        principal: uid(principal),
        action: uid(action),
        resource: uid(resource),
        context,
        entities: [...scenario.entities],
        policies: { staticPolicies },
      })
      assert.equal(theirs.type, 'success', JSON.stringify(theirs))
      const { decision, diagnostics } = theirs.response
      const where = JSON.stringify({ principal, action, resource, context })
      assert.equal(forbids.length === 0 && permits.length > 0, decision === 'allow', where)
      const reasons = forbids.length > 0 ? forbids : permits
      assert.deepEqual(reasons.toSorted(), diagnostics.reason.toSorted(), where)
      const errors = diagnostics.errors.map(({ policyId }) => policyId)
      assert.deepEqual(failed.toSorted(), errors.toSorted(), where)
      for (const id of reasons) met.add(id)
    }
    assert.deepEqual([...met].sort(), Object.keys(staticPolicies).sort(), 'every policy decides')
  })
}

// The text of why a request is let go on is put together of what was written before: it must say
// what the whole draft says, whatever came before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Use } from '../../packages/gateway/src/approval/index.ts'
import { MemoryStore, type QuotaVerdict } from '../../packages/gateway/src/limits/index.ts'
import { CALLER, makeQuotas } from '../../packages/gateway/src/limits/testing.ts'
import { PolicySet, type Question } from '../../packages/gateway/src/policy/index.ts'
import { draftPermit, draftWhy } from '../../packages/gateway/src/proxy/draft-why.ts'
import type { Exchange } from '../../packages/gateway/src/proxy/exchange.ts'
import { sectionText } from '../../packages/gateway/src/recorder/index.ts'

const set = PolicySet.compile([
  {
    name: 'all.cedar',
    text: `@id("reads") permit (principal, action, resource);
@id("tls \\"too\\"") permit (principal, action, resource) when { context.tls };`,
  },
])
const other = PolicySet.compile([{ name: 'a.cedar', text: 'permit (principal,action,resource);' }])
const store = new MemoryStore({ nowUs: () => 1_000_000 })
const quotas = makeQuotas(
  {
    each: { key: 'principal', limit: 1000, window: '1m' },
    both: { key: 'route', limit: 9, window: '1m', concurrency: 3 },
  },
  store,
)

function counted(...names: string[]): QuotaVerdict {
  const list = names.map((name) => quotas.named(name)).filter((quota) => quota !== undefined)
  const verdict = quotas.take(list, CALLER)
  if (verdict instanceof Promise) throw new Error('memory answers at once')
  return verdict
}

const ROUTE = { name: 'orders', path: '/orders', upstream: 'demo', operations: [] }
const CANCEL = { name: 'cancel', methods: ['POST'], path: '/orders/{id}/cancel' }
const TLS = { version: 'TLSv1.3', cipher: 'AES' }

const QUESTION: Question = {
  principal: { ...CALLER.principal, groups: [], roles: [], scopes: [], claims: {} },
  action: 'GET',
  resource: { route: 'orders', upstream: 'demo', host: 'a', path: '/orders/7', parameters: {} },
  context: {
    timeUs: 1_763_712_000_000_000,
    address: '192.0.2.7',
    tls: undefined,
    credential: 'api-key',
    mfaAtUs: undefined,
    headers: {},
    grants: [],
    breakGlass: false,
  },
}

interface Change {
  readonly context?: object
  readonly route?: object
  readonly more?: object
  readonly by?: PolicySet
}

let nth = 0

function exchangeOf({ context = {}, route = ROUTE, more = {}, by = set }: Change): Exchange {
  nth += 1
  const timeUs = QUESTION.context.timeUs + nth
  const question = { ...QUESTION, context: { ...QUESTION.context, timeUs, ...context } }
  const decision = by.decide(question, nth.toString(16).padStart(32, '0'))
  const inForce = { configurationSha256: 'c'.repeat(64) }
  return { inForce, route, question, decision, ...more } as unknown as Exchange
}

const USE = { approval: 'a-1', use: 1 } as unknown as Use

for (const [name, change] of [
  ['the same', {}],
  ['one quota', { more: { quotas: counted('each') } }],
  ['other figures', { more: { quotas: counted('each') } }],
  ['several quotas', { more: { quotas: counted('each', 'both') } }],
  ['quotas that nothing counts', { more: { quotas: { ...counted('each'), standings: [] } } }],
  ['encryption, and so one policy more', { context: { tls: TLS } }],
  ['another credential', { context: { credential: 'session' } }],
  ['a pattern', { route: { ...ROUTE, path: '/orders/{id}' } }],
  ['an operation', { context: { operation: 'cancel' }, route: { ...ROUTE, operations: [CANCEL] } }],
  ['another upstream', { route: { ...ROUTE, upstream: 'other' } }],
  ['other policies', { by: other }],
  ['another configuration', { more: { inForce: { configurationSha256: 'd'.repeat(64) } } }],
  ['grants', { context: { grants: ['refund'] } }],
  ['a broken glass', { more: { breakGlass: 'b-1' } }],
  ['a use of an approval', { more: { use: USE } }],
] as const) {
  test(`why it goes on, with ${name}, is what the draft says, and so it is of the next`, () => {
    for (const each of [exchangeOf({}), exchangeOf(change), exchangeOf(change), exchangeOf({})]) {
      const whole = JSON.stringify(draftWhy(each, 'policy-permits'))
      assert.equal(sectionText('why', draftPermit(each)), whole)
    }
  })
}

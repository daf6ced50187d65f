// What is kept of the questions before must not show in the text of the next one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeQuestion } from '../../packages/gateway/src/policy/encode-question.ts'
import type { Question } from '../../packages/gateway/src/policy/index.ts'
import { connectionOf, mfaAgeMsOf } from '../../packages/gateway/src/policy/question.ts'
import { questions } from './generated.ts'

const SALT = '0f'.repeat(16)
const SET = 'ab'.repeat(32)

/** As docs/format.md describes it, of nothing but the question. */
function plainly({ principal, action, resource, context }: Question): string {
  const { id, kind, issuer, groups, roles, scopes, claims } = principal
  const { route, upstream, host, path, parameters } = resource
  const { timeUs, address, tls, credential, headers, grants, breakGlass, operation } = context
  return JSON.stringify([
    SALT,
    SET,
    [kind, id, issuer, groups, roles, scopes, Object.entries(claims)],
    [
      action,
      operation ?? null,
      [route, upstream, host, path, Object.entries(parameters)],
      [
        Math.floor(timeUs / 1000),
        address,
        tls === undefined ? null : Object.entries(connectionOf(tls)),
        credential,
        mfaAgeMsOf(context) ?? null,
        Object.entries(headers),
        grants,
        breakGlass,
      ],
    ],
  ])
}

test('the text of a question is of that question, whatever was asked before', () => {
  const asked = fc.sample(questions, { numRuns: 3000, seed: 20_261_122 })
  for (const question of asked) assert.equal(encodeQuestion(SALT, SET, question), plainly(question))
})

const QUESTION = fc.sample(questions, { numRuns: 1, seed: 1 })[0] as Question
const { resource, context } = QUESTION
const PLAIN = {
  ...QUESTION,
  context: {
    ...context,
    tls: undefined,
    operation: undefined,
    mfaAtUs: undefined,
    headers: {},
    grants: [],
    breakGlass: false,
  },
}

for (const [name, change] of [
  ['nothing else', {}],
  ['another method', { action: 'PATCH' }],
  ['another upstream', { resource: { ...resource, upstream: 'other' } }],
  ['another host', { resource: { ...resource, host: 'other.example' } }],
  ['another route', { resource: { ...resource, route: 'other' } }],
  ['a path to escape', { resource: { ...resource, path: '/"\\\u0001é' } }],
  ['parameters', { resource: { ...resource, parameters: { id: '"7"' } } }],
  ['another address', { context: { ...PLAIN.context, address: '2001:db8::1' } }],
  ['another credential', { context: { ...PLAIN.context, credential: 'session' } }],
  ['an operation', { context: { ...PLAIN.context, operation: 'cancel' } }],
  ['encryption', { context: { ...PLAIN.context, tls: { version: '1.3', cipher: 'c' } } }],
  ['a second factor', { context: { ...PLAIN.context, mfaAtUs: context.timeUs - 5000 } }],
  ['a header', { context: { ...PLAIN.context, headers: { 'x-tenant': ['a"b'] } } }],
  ['a grant', { context: { ...PLAIN.context, grants: ['refund'] } }],
  ['a broken glass', { context: { ...PLAIN.context, breakGlass: true } }],
  ['a later time', { context: { ...PLAIN.context, timeUs: context.timeUs + 1_000_000 } }],
] as const) {
  test(`a question with ${name}, after one without, has its own text`, () => {
    const other: Question = { ...PLAIN, ...change }
    for (const question of [PLAIN, other, other, PLAIN]) {
      assert.equal(encodeQuestion(SALT, SET, question), plainly(question))
    }
  })
}

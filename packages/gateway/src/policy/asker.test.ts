// What is kept with an identity: that it is made once, of that one alone, and seen by nobody else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownAsker } from './asker.ts'
import type { Asker } from './question.ts'

const ADA: Asker = {
  id: 'ada',
  kind: 'user',
  issuer: 'keys',
  groups: ['staff'],
  roles: [],
  scopes: [],
  claims: {},
}

test('it is made once for an identity', () => {
  const ada = { ...ADA }
  const known = knownAsker(ada)
  assert.equal(knownAsker(ada), known)
  assert.equal(known.text, '["user","ada","keys",["staff"],[],[],[]]')
  assert.deepEqual([...(known.entity.ancestors ?? [])].length, 1)
  assert.deepEqual(ada, ADA)
  assert.equal(JSON.stringify(ada), JSON.stringify(ADA))
})

test('a copy that says something else is another identity', () => {
  const ada = { ...ADA }
  knownAsker(ada)
  const other = knownAsker({ ...ada, groups: [] })
  assert.equal(other.text, '["user","ada","keys",[],[],[],[]]')
  assert.equal(other.entity.ancestors.size, 0)
})

test('of one that cannot be changed it is made each time', () => {
  const frozen = Object.freeze({ ...ADA, id: 'eve' })
  assert.equal(knownAsker(frozen).text, knownAsker(frozen).text)
})

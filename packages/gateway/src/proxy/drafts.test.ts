// Who a record says it was: the same object for as long as principal and credential are the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credential, Principal } from '../identity/index.ts'
import { draftWho } from './drafts.ts'
import type { Exchange } from './exchange.ts'

const ADA: Principal = {
  id: 'ada',
  kind: 'user',
  issuer: 'keys',
  groups: ['staff'],
  roles: [],
  scopes: [],
  claims: {},
}
const KEY: Credential = { method: 'api-key', id: 'k1', expiresAtUs: undefined }

function whoOf(principal: Principal, credential: Credential | undefined) {
  const exchange: Pick<Exchange, 'principal' | 'credential'> = { principal, credential }
  return draftWho(exchange as Exchange)
}

test('the same principal with the same credential is the same party', () => {
  const ada = { ...ADA }
  const who = whoOf(ada, KEY)
  assert.equal(whoOf(ada, KEY), who)
  assert.ok(Object.isFrozen(who?.principal))
  assert.deepEqual(ada, ADA)
  assert.equal(JSON.stringify(ada), JSON.stringify(ADA))
})

test('another credential is another party, and so is the first one again', () => {
  const ada = { ...ADA }
  for (const id of ['k1', 'k2', 'k3', 'k1']) {
    assert.equal(whoOf(ada, { ...KEY, id })?.credential?.id, id)
  }
  assert.equal(whoOf(ada, undefined)?.credential, undefined)
})

test('a copy that says something else is another party', () => {
  const ada = { ...ADA }
  whoOf(ada, KEY)
  assert.equal(whoOf({ ...ada, id: 'bob' }, KEY)?.principal.id, 'bob')
  assert.equal(whoOf(Object.freeze({ ...ada, id: 'eve' }), KEY)?.principal.id, 'eve')
})

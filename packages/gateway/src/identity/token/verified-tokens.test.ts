import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shown } from '../presented.ts'
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts'

const FIELDS = [['Authorization', 'Bearer a.b.c']] as const

function tokenOf(authenticator: string, more: Partial<VerifiedToken> = {}): VerifiedToken {
  const lists = { groups: [], roles: [], scopes: [], claims: {} }
  return {
    authenticator,
    principal: { id: authenticator, kind: 'user', issuer: 'i', ...lists },
    credential: { method: 'jwt', id: undefined, expiresAtUs: 100 },
    confirmation: undefined,
    issuedAtUs: undefined,
    subject: 's',
    untilUs: 100,
    isStillGood: () => true,
    ...more,
  }
}

test('a token that is shown again is the same, until it ends', () => {
  const [tokens, shown] = [new VerifiedTokens(4), new Shown(FIELDS)]
  const token = tokenOf('one')
  tokens.put(shown.tokenSha256, token)
  assert.equal(tokens.get({ shown, atUs: 98 }), token)
  assert.equal(tokens.get({ shown, atUs: 99 }), token)
  assert.equal(tokens.get({ shown, atUs: 100 }), undefined)
  assert.equal(tokens.get({ shown, atUs: 99 }), undefined, 'what has ended does not come back')
})

test('what one configuration has verified says nothing under another', () => {
  const [former, latter, shown] = [new VerifiedTokens(4), new VerifiedTokens(4), new Shown(FIELDS)]
  former.put(shown.tokenSha256, tokenOf('one'))
  assert.notEqual(former.get({ shown, atUs: 0 }), undefined)
  assert.equal(latter.get({ shown, atUs: 0 }), undefined)
})

test('of two things known of a token the newer counts, wherever the older was found', () => {
  const [tokens, shown] = [new VerifiedTokens(4), new Shown(FIELDS)]
  const newer = tokenOf('two')
  tokens.put(shown.tokenSha256, tokenOf('one'))
  tokens.get({ shown, atUs: 0 })
  tokens.put(new Shown(FIELDS).tokenSha256, newer)
  assert.equal(tokens.get({ shown, atUs: 0 }), newer)
})

test('whoever has found a token is told when its key is gone, and so is everybody else', () => {
  const [tokens, shown, other] = [new VerifiedTokens(4), new Shown(FIELDS), new Shown(FIELDS)]
  let isGood = true
  tokens.put(shown.tokenSha256, tokenOf('one', { isStillGood: () => isGood }))
  for (const each of [shown, other])
    assert.notEqual(tokens.get({ shown: each, atUs: 0 }), undefined)
  isGood = false
  assert.equal(tokens.get({ shown, atUs: 0 }), undefined)
  isGood = true
  assert.equal(tokens.get({ shown: other, atUs: 0 }), undefined)
})

test('the same fields are the same reading, whatever is beside them', () => {
  const shown = new Shown(FIELDS)
  assert.equal(shown.next([['x', 'y'], ...FIELDS]), shown)
  for (const fields of [[], [...FIELDS, ...FIELDS], [['authorization', 'Bearer a.b.d']]] as const) {
    assert.notEqual(shown.next(fields), shown)
  }
})

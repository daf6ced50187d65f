import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HOP_BY_HOP,
  isFixed,
  isOursToAsk,
  isOursToTell,
  lookAlike,
  mayTrail,
} from './field-names.ts'
import { endToEnd } from './header-fields.ts'

/** Which rules hold for a name: of one connection, ours to ask, ours to tell, fixed, no trailer. */
function rulesOf(name: string): string {
  const rules = [
    HOP_BY_HOP.has(name) ? 'hop' : '',
    isOursToAsk(name) ? 'ask' : '',
    isOursToTell(name) ? 'tell' : '',
    isFixed(name) ? 'fixed' : '',
    mayTrail(name) ? '' : 'head',
  ]
  return rules.filter((rule) => rule !== '').join(' ')
}

for (const [name, want, why] of [
  ['connection', 'hop fixed head', 'it speaks of one connection'],
  ['proxy-authorization', 'hop fixed head', 'it is for the next hop'],
  ['content-length', 'ask tell fixed head', 'it frames the message'],
  ['authorization', 'ask fixed head', 'it is a secret of the caller'],
  ['x-request-id', 'ask tell fixed head', 'only the gateway numbers exchanges'],
  ['countersign-principal', 'ask tell fixed head', 'only the gateway says who asks'],
  ['x-forwarded-for', 'ask fixed head', 'only the gateway says where it came from'],
  ['x-auth-user', 'ask head', 'an upstream may take it for who asks'],
  ['client-cert', 'ask', 'it is for the TLS peer to show'],
  ['remote-groups', 'ask', 'another proxy would have said it'],
  ['x-ms-client-principal-id', 'ask', 'another proxy would have said it'],
  ['x-ms-client-request-id', '', 'it is nobody’s claim'],
  ['x-originality', '', 'it is nobody’s claim'],
  ['sec-websocket-key', 'fixed', 'it is of the handshake'],
  ['ratelimit', 'tell fixed', 'the limits are the gateway’s'],
  ['set-cookie', 'head', 'a trailer must not set one'],
  ['x-total', '', 'it is nobody’s claim'],
] as const) {
  test(`${name}: ${want === '' ? 'none' : want}, because ${why}`, () => {
    assert.equal(rulesOf(name), want)
  })
}

for (const [name, want] of [
  ['Countersign_Receipt', 'countersign-receipt'],
  ["Countersign'Principal", 'countersign-principal'],
  ['X.AUTH~User', 'x-auth-user'],
  ['X-Plain-1', 'x-plain-1'],
] as const) {
  test(`${name} is taken for ${want}`, () => {
    assert.equal(lookAlike(name), want)
  })
}

test('what only the gateway may say does not go on under a name like it', () => {
  const fields = [
    ['Countersign_Receipt', 'fake'],
    ['Transfer_Encoding', 'chunked'],
    ['Content_Length', '7'],
    ['X_Hop', '1'],
    ['Connection', 'x-hop'],
    ['X_Total', '1'],
  ] as const
  assert.deepEqual(endToEnd(fields, isOursToTell), [['X_Total', '1']])
})

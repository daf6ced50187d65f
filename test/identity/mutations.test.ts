// A token that is changed in any one place is no token: every position, several ways.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Asking, openAsking } from './asking.ts'
import {
  ecKey,
  edKey,
  published,
  rsaKey,
  signToken,
  startIssuer,
  type TestIssuer,
} from './issuer.ts'

const keys = [ecKey('ec'), rsaKey('rsa'), edKey('ed')]
let issuer: TestIssuer
let asking: Asking

before(async () => {
  issuer = await startIssuer(keys.map((key) => published(key)))
  asking = await openAsking([
    { name: 'a', issuer: issuer.url, audiences: ['us'], allowLoopbackHttp: true },
  ])
})
after(async () => {
  await asking.close()
  await issuer.close()
})

function* mutantsOf(token: string): Generator<string> {
  for (let at = 0; at < token.length; at += 1) {
    const [head, here = '', tail] = [token.slice(0, at), token[at], token.slice(at + 1)]
    for (const other of ['A', '_', '.', '~']) if (other !== here) yield head + other + tail
    yield head + tail
    yield `${head}${here}${here}${tail}`
    yield head + (here === here.toLowerCase() ? here.toUpperCase() : here.toLowerCase()) + tail
  }
  yield `${token}.`
  yield `${token}A`
  yield `.${token}`
  yield token.split('.').toReversed().join('.')
}

for (const key of keys) {
  test(`no token signed with ${key.alg} survives a change`, async () => {
    const now = Math.floor(asking.clock.nowUs() / 1_000_000)
    const header = { alg: key.alg, typ: 'at+jwt', kid: key.jwk.kid }
    const claims = {
      iss: issuer.url,
      aud: 'us',
      sub: 'ada',
      client_id: 'app',
      jti: 'j',
      iat: now,
      exp: now + 60,
    }
    const token = signToken(header, claims, key)
    assert.equal(await asking.outcome(`Bearer ${token}`), 'a:ada')
    let mutants = 0
    for (const mutant of mutantsOf(token)) {
      if (mutant === token) continue
      mutants += 1
      const found = await asking.ask(`Bearer ${mutant}`)
      assert.equal(found.known, false, mutant)
    }
    assert.ok(mutants > 1000)
    assert.ok(issuer.requests.length <= 4, 'and the issuer is asked once more at most')
  })
}

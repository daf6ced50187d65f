import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credential } from '../identity/index.ts'
import { recordedCredential } from './recorded-proof.ts'

const SECRET = 'c2VjcmV0IG9mIHNvbWVib2R5'
const wrapped = (text: string): string => `:${Buffer.from(text).toString('base64')}:`
const credential = { method: 'http-signature', id: 'batch-1', expiresAtUs: undefined } as const

const recorded = (proof: string, method: Credential['method'] = 'http-signature'): string =>
  recordedCredential({ ...credential, method, proof })?.proof ?? ''

for (const line of [
  `"cookie": a=${SECRET}`,
  `"cookie";bs: ${wrapped(`a=${SECRET}`)}`,
  `"x-api-key": ${SECRET}`,
  `"x-forwarded-by": Bearer ${SECRET}`,
  `"x-forwarded-by";bs: ${wrapped('a')}, ${wrapped(`Bearer ${SECRET}`)}`,
  `"@target-uri": https://api.example/orders?page=2&access_token=${SECRET}`,
  `"@request-target": /orders?access_token=${SECRET}`,
  `"@query": ?page=2&code=${SECRET}`,
  `"@query-param";name="access_token": ${SECRET}`,
  `a line that is none ${SECRET}`,
]) {
  test(`a proof is recorded without the secret in ${line.slice(0, 30)}`, () => {
    const proof = recorded(`"@method": GET\n${line}\n"@signature": :YQ==:`)
    assert.match(proof, /^"@method": GET\n.*\[redacted\].*\n"@signature": :YQ==:$/)
    assert.ok(!proof.includes(SECRET) && !proof.includes(Buffer.from(SECRET).toString('base64')))
  })
}

test('a proof without a secret is recorded as it is', () => {
  const proof = [
    '"@method": POST',
    '"@target-uri": https://api.example:8443/a%20b?page=2&empty&q=a?b',
    '"@query": ?',
    '"@query-param";name="Pet": dog%20and%20cat',
    '"date": Tue, 20 Apr 2021 02:07:55 GMT',
    `"x-list";bs: ${wrapped('a')}, ${wrapped('b')}`,
    '"content-digest": sha-256=:AAAA:',
    '"@signature-params": ("@method" "date");created=1;keyid="batch-1";nonce="n"',
    '"@signature": :YQ==:',
  ].join('\n')
  assert.equal(recorded(proof), proof)
  assert.equal(recorded(`"cookie": ${SECRET}`, 'jwt'), `"cookie": ${SECRET}`)
})

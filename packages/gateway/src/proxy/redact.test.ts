import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REDACTED } from '../identity/index.ts'
import { SeededRandom } from '../platform/index.ts'
import { redactText } from './redact.ts'

const TOKENS = /eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*/g

test('tokens are taken out, and what stands around them stays', () => {
  const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'
  assert.equal(redactText(`a=${token}; b`), `a=${REDACTED}; b`)
  assert.equal(redactText(`xx${token}.more ${token}`), `xx${REDACTED}.more ${REDACTED}`)
  assert.equal(redactText('eyJhbGciOiJFUzI1NiJ9.eyJzdWIi'), 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIi')
})

test('they are those that the pattern of a token finds', () => {
  const pieces = ['eyJ', 'eyJabcde', 'abcde', 'abcd', '.', '.', '.', ' ', '/', '', 'ö', 'eyJeyJab']
  const random = new SeededRandom(7)
  let found = 0
  for (let nth = 0; nth < 20_000; nth += 1) {
    const text = Array.from(random.bytes(10), (byte) => pieces[byte % pieces.length]).join('')
    const want = text.replace(TOKENS, REDACTED)
    if (want !== text) found += 1
    assert.equal(redactText(text), want, text)
  }
  assert.ok(found > 500)
})

test('what begins like a token over and over costs no more than other text', () => {
  const text = 'eyJ'.repeat(100_000)
  const began = performance.now()
  assert.equal(redactText(text), text)
  assert.equal(redactText(`${text}.`), `${text}.`)
  const tookMs = performance.now() - began
  // For each character what stands before it: that would be hours.
  assert.ok(tookMs < 20_000, `${tookMs} ms`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../platform/index.ts'
import { REDACTED, redactKeysAndTokens } from './redact-credentials.ts'

/** The same, said otherwise: parts of base64url, and what stands between them. */
function expected(text: string): string {
  const parts = text.split(/([^A-Za-z0-9_-])/)
  let clean = ''
  for (let at = 0; at < parts.length; at += 2) {
    const [part = '', dot, second = '', secondDot] = parts.slice(at, at + 4)
    const begin = part.indexOf('eyJ')
    const isToken =
      begin !== -1 &&
      part.length - begin >= 8 &&
      dot === '.' &&
      second.length >= 5 &&
      secondDot === '.'
    clean += isToken ? `${part.slice(0, begin)}${REDACTED}` : part
    if (isToken) at += 4
    clean += parts[at + 1] ?? ''
  }
  return clean
}

test('tokens are found wherever they begin, and nothing else is', () => {
  const random = new SeededRandom(7)
  const words = [
    'eyJ',
    'eyJhbGci',
    'abcde',
    'abcd',
    '.',
    '.',
    '.',
    ' ',
    '-_9',
    'eyJhbGciO',
    ',',
    'ſ',
  ]
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = random.bytes(1 + (round % 14))
    const text = Array.from(bytes, (byte) => words[byte % words.length]).join('')
    assert.equal(redactKeysAndTokens(text), expected(text), text)
  }
})

test('dots without end take no memory to speak of', () => {
  const text = `eyJ${'.'.repeat(4_000_000)}`
  assert.equal(redactKeysAndTokens(text), text)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonLine, printable, printableLines } from './printable.ts'

const CASES = [
  ['what everybody can see stays', 'größe “x” 漢字 🙂', 'größe “x” 漢字 🙂'],
  ['an escape sequence', '\u001b[2J', '\\u001b[2J'],
  ['the same in one character', '\u009b2J', '\\u009b2J'],
  ['a title that a bell ends', '\u001b]0;ok\u0007', '\\u001b]0;ok\\u0007'],
  ['a carriage return', 'FAILED\rok', 'FAILED\\u000dok'],
  ['text that turns round', 'a\u202eb\u2066c', 'a\\u202eb\\u2066c'],
  ['what is not seen', 'a\u200b\u00ad\u2060\ufeff', 'a\\u200b\\u00ad\\u2060\\ufeff'],
  ['other ends of a line', 'a\u0085b\u2028c\u2029d', 'a\\u0085b\\u2028c\\u2029d'],
  ['a tag beyond the first plane', 'a\u{e0041}', 'a\\udb40\\udc41'],
] as const

for (const [name, text, shown] of CASES) {
  test(name, () => {
    assert.equal(printable(text), shown)
    assert.equal(printableLines(text), shown)
  })
}

test('a line feed ends a line only where there may be lines', () => {
  assert.equal(printable('x\nok: 20 entries'), 'x\\u000aok: 20 entries')
  assert.equal(printableLines('{\n}'), '{\n}')
})

test('facts are one line of JSON, and mean the same', () => {
  const facts = { agent: CASES.map(([, text]) => text).join('\n') }
  const line = jsonLine(facts)
  assert.match(line, /^[^\p{C}]+\n$/u)
  assert.deepEqual(JSON.parse(line), facts)
})

test('JSON means the same afterwards', () => {
  const value = { agent: CASES.map(([, text]) => text).join('') }
  assert.deepEqual(JSON.parse(printableLines(JSON.stringify(value, null, 2))), value)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SaidAgain } from './said-again.ts'

const SECRET = 'key-2f9d/41+ab==/~'
const BYTES_MAX = 1_048_576

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const each = (write: (code: number) => string, text: string = SECRET): string =>
  Array.from(text, (letter) => write(letter.charCodeAt(0))).join('')
const hex = (code: number, digits = 2): string => code.toString(16).padStart(digits, '0')
const percent = encodeURIComponent(SECRET)

for (const [what, text] of [
  ['as it is', `a ${SECRET} b`],
  ['percent-encoded', percent],
  ['percent-encoded in lower case', percent.toLowerCase()],
  ['percent-encoded letter by letter', each((code) => `%${hex(code)}`)],
  ['percent-encoded twice', encodeURIComponent(percent)],
  ['percent-encoded three times', encodeURIComponent(encodeURIComponent(percent))],
  ['in base64', base64(SECRET)],
  ['in base64, one byte into it', base64(`x${SECRET} and more`)],
  ['in base64, two bytes into it', base64(`xy${SECRET}!`)],
  ['in base64, three bytes into it', base64(`xyz${SECRET}`)],
  ['in base64url', Buffer.from(`x${SECRET}???>>>`).toString('base64url')],
  ['in base64, percent-encoded', encodeURIComponent(base64(`a${SECRET}`))],
  ['in JSON', `{"key":"${each((code) => `\\u${hex(code, 4)}`)}"}`],
  ['in JSON that escapes slashes', SECRET.replaceAll('/', '\\/')],
  ['in a script', each((code) => `\\x${hex(code)}`)],
  ['in HTML by numbers', each((code) => `&#${code};`)],
  ['in HTML by hexadecimal numbers', each((code) => `&#x${hex(code, 4)};`)],
  ['in HTML, percent-encoded', encodeURIComponent(each((code) => `&#${code};`))],
] as const) {
  test(`a secret is found ${what}`, () => {
    assert.ok(new SaidAgain([SECRET]).isIn(text), text)
  })
}

test('a secret is found where its letters have names, and as forms write spaces', () => {
  const said = new SaidAgain(['fish & <chips> "now"'])
  assert.ok(said.isIn('fish &amp; &lt;chips&gt; &quot;now&quot;'))
  assert.ok(said.isIn('q=fish+%26+%3cchips%3e+%22now%22&z'))
})

test('what only looks alike passes', () => {
  const said = new SaidAgain([SECRET])
  const others = ['', 'key-2f9d', SECRET.slice(1), SECRET.toUpperCase(), base64(SECRET.slice(3))]
  for (const text of [...others, '%', '%zz\\u12&#99999999;&#x110000;', 'W/"abc-_"']) {
    assert.ok(!said.isIn(text), text)
  }
})

test('a secret of one letter is not found where that letter is not', () => {
  assert.ok(!new SaidAgain(['k']).isIn('nothing of it'))
  assert.ok(new SaidAgain(['k']).isIn('key'))
})

test('a long text of escapes that lead to escapes ends after a few passes', () => {
  const said = new SaidAgain([SECRET])
  for (const unit of ['%25', '%', '\\', '\\\\', '&amp;', '&#', '%255c', '&#x26;']) {
    const text = unit.repeat(BYTES_MAX / unit.length)
    assert.ok(!said.isIn(text), unit)
  }
})

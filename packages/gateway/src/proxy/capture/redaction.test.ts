import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captureSchema } from './capture-config.ts'
import { Redaction } from './redaction.ts'

interface Case {
  readonly paths?: readonly string[]
  readonly patterns?: readonly { name: string; pattern: string }[]
  readonly credentials?: boolean
}

function redact(rules: Case, text: string | Uint8Array, type = 'application/json'): string {
  const { redact: checked } = captureSchema.parse({ redact: { credentials: false, ...rules } })
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const kind = { type, charset: undefined, coding: undefined }
  const result = new Redaction(checked).redact(bytes, kind)
  return 'bytes' in result ? Buffer.from(result.bytes).toString() : result.uncaptured
}

const R = '"[redacted]"'
const BODY = '{"a":{"b":[1,{"c":2}],"x y":3},"b":4}'
for (const [path, want] of [
  ['$.b', `{"a":{"b":[1,{"c":2}],"x y":3},"b":${R}}`],
  ['$..b', `{"a":{"b":${R},"x y":3},"b":${R}}`],
  ['$.a.b[0]', `{"a":{"b":[${R},{"c":2}],"x y":3},"b":4}`],
  ['$.a.b[*].c', `{"a":{"b":[1,{"c":${R}}],"x y":3},"b":4}`],
  ["$.a['x y']", `{"a":{"b":[1,{"c":2}],"x y":${R}},"b":4}`],
  ['$["a"].*', `{"a":{"b":${R},"x y":${R}},"b":4}`],
  ["$['b','a']", `{"a":${R},"b":${R}}`],
  ['$..*', `{"a":${R},"b":${R}}`],
  ['$..[1]', `{"a":{"b":[1,${R}],"x y":3},"b":4}`],
  ['$.nothing.here', BODY],
] as const) {
  test(`${path} takes out what it selects, and nothing else`, () => {
    assert.equal(redact({ paths: [path] }, BODY), want)
  })
}

for (const [name, rules, text, want] of [
  [
    'a member that is there twice is taken out twice',
    { paths: ['$.p'] },
    '{"p":1,"p":2}',
    `{"p":${R},"p":${R}}`,
  ],
  [
    'an escaped name is the same name',
    { paths: ['$.pin'] },
    '{"p\\u0069n":1}',
    `{"p\\u0069n":${R}}`,
  ],
  [
    'space and numbers stay as they were',
    { paths: ['$.a'] },
    ' {"n" : 1.50e2 , "a":1 }\n',
    ` {"n" : 1.50e2 , "a":${R} }\n`,
  ],
  ['a mark of byte order stays', { paths: ['$.a'] }, '\ufeff{"a":1}', `\ufeff{"a":${R}}`],
  [
    'a quote in a string ends nothing',
    { paths: ['$.b'] },
    '{"a":"\\"},{","b":"]"}',
    `{"a":"\\"},{","b":${R}}`,
  ],
  ['what is cut is not kept', { paths: ['$.a'] }, '{"a":1', 'malformed'],
  ['two documents are none', { paths: ['$.a'] }, '{"a":1}{"a":2}', 'malformed'],
  [
    'what is too deep is not kept',
    { paths: ['$.a'] },
    `${'['.repeat(500)}${']'.repeat(500)}`,
    'malformed',
  ],
  [
    'what is too deep inside what is taken out is not kept',
    { paths: ['$.a'] },
    `{"a":${'['.repeat(500)}${']'.repeat(500)}}`,
    'malformed',
  ],
  [
    'members that are named like secrets',
    { credentials: true },
    '{"accessToken":"a","Pass-Word":[1],"code":7}',
    `{"accessToken":${R},"Pass-Word":${R},"code":7}`,
  ],
  [
    'tokens inside strings',
    { credentials: true },
    '{"note":"bearer abcdefghijklmnopqrst ok"}',
    '{"note":"[redacted] ok"}',
  ],
  [
    'prose is not a credential',
    { credentials: true },
    '{"note":"the bearer of basic news"}',
    '{"note":"the bearer of basic news"}',
  ],
  [
    'a pattern sees through escapes',
    { patterns: [{ name: 'n', pattern: '[0-9]{4}' }] },
    '{"a":"\\u00312\\u00334"}',
    `{"a":${R}}`,
  ],
  [
    'a pattern takes numbers out',
    { patterns: [{ name: 'n', pattern: '[0-9]{4}' }] },
    '[1234,12]',
    `[${R},12]`,
  ],
  [
    'a pattern in a name',
    { patterns: [{ name: 'n', pattern: '[0-9]{4}' }] },
    '{"1234":1}',
    `{${R}:1}`,
  ],
] as const) {
  test(name, () => assert.equal(redact(rules, text), want))
}

const FORM = 'application/x-www-form-urlencoded'
for (const [name, text, want] of [
  [
    'a parameter that is named like a secret',
    'user=ada&pass%77ord=x&a=1',
    'user=ada&pass%77ord=[redacted]&a=1',
  ],
  ['a pattern that is escaped', 'card=%34111&b=2', 'card=[redacted]&b=2'],
  ['what is not touched stays as it was sent', 'a=b+c%20d&&e', 'a=b+c%20d&&e'],
] as const) {
  test(`form: ${name}`, () => {
    const rules = { credentials: true, patterns: [{ name: 'n', pattern: '[0-9]{4}' }] }
    assert.equal(redact(rules, text, FORM), want)
  })
}

test('bytes that are no text stay as they are', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, nth) => nth))
  const { redact: rules } = captureSchema.parse({})
  const kind = { type: 'image/png', charset: undefined, coding: undefined }
  const result = new Redaction(rules).redact(bytes, kind)
  assert.ok('bytes' in result)
  assert.deepEqual(Buffer.from(result.bytes), bytes)
})

test('a text in another coding of characters is not kept', () => {
  const { redact: rules } = captureSchema.parse({})
  const kind = { type: 'text/plain', charset: 'utf-16', coding: undefined }
  assert.deepEqual(new Redaction(rules).redact(Buffer.from('x'), kind), { uncaptured: 'charset' })
})

for (const pattern of [
  '[a-z]{1,64}[a-z]{1,64}x',
  '[a-z]{1,20}[0-9]?[a-z]',
  '(a|b)',
  'a+',
  'a*',
  '.',
  '[^a]',
  '\\D',
  '\\b',
  'a{5,2}',
  'a{2000}',
  'é',
  '[z-a]',
  'a?',
  '',
  '[a-z',
  'a'.repeat(301),
]) {
  test(`the pattern ${JSON.stringify(pattern.slice(0, 30))} is refused`, () => {
    const given = { redact: { patterns: [{ name: 'n', pattern }] } }
    assert.equal(captureSchema.safeParse(given).success, false)
  })
}

for (const [pattern, text, want] of [
  ['[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}', 'to DE89370400440532013000 now', 'to [redacted] now'],
  ['[0-9]{3}-[0-9]{2}-[0-9]{4}', '123-45-6789', '[redacted]'],
  ['[A-Za-z0-9._-]{1,64}@[A-Za-z0-9.-]{3,253}', 'mail ada@example.org!', 'mail [redacted]!'],
  ['\\d{4}[ -]?\\d{4}[ -]?\\d{4}[ -]?\\d{1,7}', '4111 1111-11111111', '[redacted]'],
] as const) {
  test(`the pattern ${pattern} is taken, and finds ${text}`, () => {
    assert.equal(redact({ patterns: [{ name: 'n', pattern }] }, text, 'text/plain'), want)
  })
}

for (const path of [
  '',
  'a',
  '$',
  '$.',
  '$.a[',
  '$.a[-1]',
  '$.a[1:2]',
  '$.a[?@.b]',
  '$...a',
  "$['a]",
  '$.a b',
]) {
  test(`the path ${JSON.stringify(path)} is refused`, () => {
    assert.equal(captureSchema.safeParse({ redact: { paths: [path] } }).success, false)
  })
}

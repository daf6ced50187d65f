import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EvidenceError } from './error.ts'
import { JSON_DEPTH_MAX, parseJson } from './json.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

for (const [text, why] of [
  ['', 'there is no value'],
  ['{}x', 'something follows the value'],
  ['{} {}', 'a second value follows'],
  ['{"a":1,"a":2}', 'the key is there twice'],
  ['{"a":1,"\\u0061":2}', 'the key is there twice, once escaped'],
  ['{"a":{"b":1,"b":1}}', 'a key is there twice deeper down'],
  ['{"__proto__":1,"__proto__":2}', 'a key that is no ordinary property is there twice'],
  ['\ufeff{}', 'a byte-order mark is no white space'],
  ['{a:1}', 'keys are strings'],
  ["{'a':1}", 'strings have double quotes'],
  ['[1,]', 'a comma is followed by a value'],
  ['{"a":1,}', 'a comma is followed by a member'],
  ['[1 2]', 'values are separated'],
  ['1.5', 'a fraction is no integer'],
  ['1.0', 'a fraction of nothing is still a fraction'],
  ['1e3', 'an exponent is another spelling'],
  ['-0', 'there is one zero'],
  ['01', 'leading zeros are another spelling'],
  ['+1', 'signs are minus'],
  ['0x10', 'numbers are decimal'],
  ['NaN', 'it is a number'],
  ['9007199254740992', 'the integer is not safe'],
  ['-9007199254740992', 'the integer is not safe, below zero'],
  ['9007199254740993', 'the integer would be read as another'],
  ['[1e400]', 'the number is none'],
  ['"\\ud800"', 'the surrogate is alone'],
  ['"\\udc00\\ud800"', 'the surrogates are the wrong way round'],
  ['"\\uD83D"', 'the surrogate is alone, in capitals'],
  ['{"\\ud800":1}', 'the surrogate in a key is alone'],
  ['"\u0001"', 'control characters are escaped'],
  ['"\n"', 'a line end is a control character'],
  ['"\\x41"', 'the escape is unknown'],
  ['"\\u12g4"', 'the digits are not hexadecimal'],
  ['"\\u00"', 'the escape is cut short'],
  ['"abc', 'the string has no end'],
  ['"abc\\', 'the escape has no end'],
  ['tru', 'the word is cut short'],
  ['nul', 'the word is cut short'],
  ['truex', 'the word goes on'],
  ['\u00a0{}', 'a no-break space is no white space'],
  ['// a\n{}', 'there are no comments'],
  [nested(JSON_DEPTH_MAX + 1), 'it is nested too deeply'],
  [nested(100_000), 'it is nested deeply enough to hurt'],
] as const) {
  test(`refused, because ${why}: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => parseJson(bytes(text)), { code: 'EVIDENCE_JSON' })
  })
}

for (const [name, malformed] of [
  ['a byte that begins nothing', [0x22, 0xff, 0x22]],
  ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
  ['a surrogate in utf-8', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a character cut short', [0x22, 0xe2, 0x82, 0x22]],
  ['a code point beyond the last', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
] as const) {
  test(`refused, because its utf-8 has ${name}`, () => {
    assert.throws(() => parseJson(Uint8Array.from(malformed)), { code: 'EVIDENCE_JSON' })
  })
}

for (const text of [
  '0',
  '-1',
  '9007199254740991',
  '-9007199254740991',
  '"\\ud83d\\ude00 \\u0000 \\/ \\b"',
  '"😀 \u2028"',
  '"\\\\ud800"',
  ' { "b" : [ ] , "a" : { } }\r\n\t',
  '{"2":1,"1":2}',
  '{"__proto__":{"a":1},"constructor":2}',
  '{"":""}',
  nested(JSON_DEPTH_MAX),
  '[true,false,null]',
]) {
  test(`read as JSON.parse reads it: ${text.slice(0, 40)}`, () => {
    assert.deepEqual(parseJson(bytes(text)), JSON.parse(text))
  })
}

test('a key named __proto__ is a member and not a prototype', () => {
  const value = parseJson(bytes(' {"__proto__":{"admin":1}}'))
  assert.deepEqual(Object.keys(value ?? {}), ['__proto__'])
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
  assert.equal((value as { admin?: number }).admin, undefined)
})

test('whatever strict JSON can say comes back, written tightly or with spaces', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 4 }),
    ),
  })).value
  fc.assert(
    fc.property(value, (any) => {
      if (Object.is(any, -0)) return
      const tight = JSON.stringify(any, zero)
      const wide = JSON.stringify(any, zero, 2)
      assert.deepEqual(parseJson(bytes(tight)), JSON.parse(tight))
      assert.deepEqual(parseJson(bytes(wide)), JSON.parse(tight))
    }),
    { numRuns: 500 },
  )
})

test('what it takes, JSON.parse takes and reads alike; what JSON.parse refuses, it refuses', () => {
  const seeds = ['{"a":[1,"b\\n",true],"c":{"d":null}}', '[{"x":"\\u00e9"},-12,"😀"]', '"a\\\\b"']
  const noise = fc.array(
    fc.tuple(fc.nat(40), fc.constantFrom(...' {}[]",:\\0-1.eu"ntfd8\u0001'.split(''))),
    {
      maxLength: 4,
    },
  )
  let taken = 0
  fc.assert(
    fc.property(fc.constantFrom(...seeds), noise, fc.boolean(), (seed, edits, inserts) => {
      let text = seed
      for (const [at, character] of edits) {
        text = text.slice(0, at) + character + text.slice(inserts ? at : at + 1)
        text = text.toWellFormed()
      }
      const strict = outcome(() => parseJson(bytes(text)))
      const lenient = outcome(() => JSON.parse(text) as unknown)
      if (strict.error === undefined) {
        taken++
        assert.deepEqual(strict.value, lenient.value)
      } else assert.ok(strict.error instanceof EvidenceError)
      if (lenient.error !== undefined) assert.notEqual(strict.error, undefined)
    }),
    { numRuns: 3000 },
  )
  assert.ok(taken > 100, `only ${taken} texts were taken`)
})

test('any bytes are a value or an EvidenceError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
      const { error } = outcome(() => parseJson(any))
      if (error !== undefined) assert.ok(error instanceof EvidenceError)
    }),
  )
})

function outcome(run: () => unknown): { readonly value?: unknown; readonly error?: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}

function zero(_: string, value: unknown): unknown {
  return Object.is(value, -0) ? 0 : value
}

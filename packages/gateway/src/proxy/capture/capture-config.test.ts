import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { bodyType, typeRanges } from './body-type.ts'
import { captureSchema } from './capture-config.ts'
import { decodeContent } from './decode-content.ts'

for (const [range, type, isTaken] of [
  ['text/*', 'text/plain', true],
  ['text/*', 'application/text', false],
  ['application/*+json', 'application/problem+json', true],
  ['application/*+json', 'application/json', false],
  ['application/json', 'application/json', true],
  ['*/*', undefined, true],
  ['text/*', undefined, false],
] as const) {
  test(`${range} ${isTaken ? 'takes' : 'does not take'} ${type ?? 'no type'}`, () => {
    assert.equal(typeRanges([range])(type), isTaken)
  })
}

for (const [fields, want] of [
  [
    [['content-type', 'Application/JSON; charset="UTF-8"']],
    ['application/json', 'utf-8', undefined],
  ],
  [
    [
      ['content-type', 'text/plain'],
      ['content-type', 'text/html'],
    ],
    [undefined, undefined, undefined],
  ],
  [[['content-type', 'nonsense']], [undefined, undefined, undefined]],
  [[['content-encoding', 'GZIP']], [undefined, undefined, 'gzip']],
  [[['content-encoding', 'identity']], [undefined, undefined, undefined]],
  [[['content-encoding', 'gzip, br']], [undefined, undefined, 'mixed']],
] as const) {
  test(`${JSON.stringify(fields)} says ${JSON.stringify(want)}`, () => {
    const { type, charset, coding } = bodyType(fields)
    assert.deepEqual([type, want[1] === undefined ? undefined : charset, coding], want)
  })
}

const TEXT = Buffer.from('text '.repeat(100))
for (const [coding, bytes, want] of [
  ['gzip', gzipSync(TEXT), 'text'],
  ['br', brotliCompressSync(TEXT), 'text'],
  ['deflate', deflateSync(TEXT), 'text'],
  ['deflate', deflateRawSync(TEXT), 'text'],
  ['gzip', gzipSync(Buffer.alloc(10_000)), 'too-large'],
  ['gzip', gzipSync(TEXT).subarray(0, 20), 'malformed'],
  ['gzip', TEXT, 'malformed'],
  ['compress', TEXT, 'coding'],
  ['mixed', TEXT, 'coding'],
] as const) {
  test(`${bytes.length} bytes of ${coding} are ${want}`, async () => {
    const decoded = await decodeContent(coding, bytes, 1000)
    if (want === 'text') assert.deepEqual(decoded, { bytes: TEXT })
    else assert.equal(decoded, want)
  })
}

for (const [name, given, isGood] of [
  ['nothing', {}, true],
  ['responses of refusals', { on: 'refusal', directions: ['response'] }, false],
  ['large bodies that are redacted', { bodyBytesMax: 1 << 30 }, false],
  ['large bodies that are not', { bodyBytesMax: 1 << 30, redact: { credentials: false } }, true],
  ['what is no media type', { types: ['json'] }, false],
  ['a word that nobody knows', { sample: 1 }, false],
] as const) {
  test(`${name}: ${isGood ? 'taken' : 'refused'}`, () => {
    assert.equal(captureSchema.safeParse(given).success, isGood)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EvidenceError,
  type Kind,
  parseSection,
  parseWhen,
  SECTIONS,
  type SectionName,
} from '@countersign/evidence'
import { SeededRandom } from '../platform/index.ts'
import { quickText, quickWhen } from './quick-check.ts'

const KEY = '02a0b774acefffa0acbfe4fb345af681'
const UUID = '019f5a3c-0000-7000-8000-0000000000aa'
const SHA256 = 'ab'.repeat(32)

const SAMPLES: readonly (readonly [SectionName, Kind, object])[] = [
  ['who', 'intent', { principal: { id: 'ada', kind: 'user', issuer: 'keys' }, facts: { a: [1] } }],
  ['where', 'intent', { address: '192.0.2.7', port: 5, tls: { version: 'x', cipher: 'y' } }],
  ['what', 'intent', { method: 'GET', scheme: 'http', authority: 'a', path: '/' }],
  ['what', 'system', { act: 'stop', cause: 'test' }],
  ['what', 'block', { files: [{ path: 'records/000', sha256: SHA256, bytes: 7 }] }],
  ['why', 'intent', { verdict: 'allow', reason: 'policy-permits', policies: ['a', 'b'] }],
  ['via', 'outcome', { upstream: 'o', attempts: 1, response: { bytes: 0 }, status: 200 }],
  ['how', 'outcome', { ended: 'released', status: 200, source: 'upstream' }],
  ['seal', 'intent', { keys: { who: KEY, where: KEY } }],
]

const WHEN = {
  v: 1,
  kind: 'intent',
  id: UUID,
  exchange: UUID,
  at: '2026-11-21T08:10:00.000000Z',
  gateway: 'demo',
  incarnation: 1,
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

for (const [name, kind, value] of SAMPLES) {
  test(`${name} of ${kind}, as it is written, is told at once`, () => {
    const text = JSON.stringify(value)
    parseSection(SECTIONS[name], kind, encode(text))
    assert.equal(quickText(name, kind, encode(text)), text)
  })
}

test('a when, as it is written, is told at once', () => {
  assert.deepEqual(quickWhen(encode(JSON.stringify(WHEN))), WHEN)
})

test('what is unusual is left to the parser', () => {
  for (const text of [
    '{"ended":"released" }',
    '{"ended":"rel\\u0065ased"}',
    '{"ended":"released","status":-1}',
    '{"ended":"released","ended":"released"}',
    '{"ended":"released","status":0200}',
    '{"ended":"released","more":1}',
    '{"status":200}',
    '{"ended":"released"}x',
    '{"ended":"é"}',
    '',
  ]) {
    assert.equal(quickText('how', 'outcome', encode(text)), undefined, text)
  }
})

test('of mutated sections it never tells what the parser refuses', (context) => {
  const random = new SeededRandom(Number(process.env.SEED ?? 7))
  let told = 0
  for (let run = 0; run < 40_000; run += 1) {
    const [name, kind, value] = SAMPLES[run % SAMPLES.length] ?? ['how', 'outcome', {}]
    const text = mutate(JSON.stringify(value), random)
    if (quickText(name, kind, encode(text)) === undefined) continue
    told += 1
    assert.doesNotThrow(() => parseSection(SECTIONS[name], kind, encode(text)), text)
  }
  context.diagnostic(`${told} of 40000 were told`)
  assert.ok(told > 100)
})

test('of mutated whens it never tells what the parser refuses, but for the time', () => {
  const random = new SeededRandom(8)
  for (let run = 0; run < 10_000; run += 1) {
    const text = mutate(JSON.stringify(WHEN), random)
    const quick = quickWhen(encode(text))
    if (quick === undefined) continue
    try {
      assert.deepEqual(parseWhen(encode(text)), quick, text)
    } catch (error) {
      assert.ok(error instanceof EvidenceError && error.code === 'EVIDENCE_TIME', text)
    }
  }
})

const PIECES = [
  '"',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '0',
  '1',
  '9',
  '-',
  'a',
  '\\',
  ' ',
  'null',
  'true',
]

/** One to three characters taken out, put in, replaced, or a piece written twice. */
function mutate(text: string, random: SeededRandom): string {
  const below = (limit: number): number => Buffer.from(random.bytes(4)).readUInt32BE() % limit
  let mutated = text
  for (let count = 1 + below(3); count > 0; count -= 1) {
    const [from, to] = [below(mutated.length + 1), below(4)]
    const piece = [
      PIECES[below(PIECES.length)] ?? '',
      mutated.slice(from, from + 1 + below(30)),
      '',
    ]
    mutated = mutated.slice(0, from) + piece[below(3)] + mutated.slice(from + to)
  }
  return mutated
}

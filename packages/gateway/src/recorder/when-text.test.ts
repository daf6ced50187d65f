import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime, parseUuid, parseWhen } from '@countersign/evidence'
import { leafIndex } from '@countersign/tlog'
import { type WhenFacts, writeWhen } from './when-text.ts'

const ID = '01a1fd44-cc79-7c5a-9dee-3169453d8873'
const OTHER = '01a1fd44-cc79-7c5a-9dee-0000000000ff'
const SECOND_US = 1_795_000_000_000_000
const FIRST: WhenFacts = {
  kind: 'intent',
  recordId: parseUuid(ID),
  exchange: ID,
  atUs: SECOND_US,
  gateway: 'main',
  incarnation: 1,
  about: undefined,
  clock: undefined,
  recording: undefined,
}

// Each is written over what the one before left.
const ROWS: readonly (readonly [string, Partial<WhenFacts>])[] = [
  ['all of the first', {}],
  ['the last microsecond of its second', { atUs: SECOND_US + 999_999 }],
  ['another second', { atUs: SECOND_US + 61_000_000 }],
  ['the second before again', { atUs: SECOND_US + 7 }],
  ['another id', { recordId: parseUuid(OTHER), exchange: OTHER }],
  ['a clock that is unknown, and a relaxed record', { clock: 'unknown', recording: 'relaxed' }],
  ['neither of them again', {}],
  ['a later life', { incarnation: 12 }],
  ['a gateway with quotes and a lone surrogate', { gateway: '"\\ü\ud800' }],
  ['an act, of no exchange', { kind: 'config', exchange: undefined }],
  ['what an outcome ends', { kind: 'outcome', about: { epoch: 1, index: leafIndex(0) } }],
  ['a longer index', { kind: 'outcome', about: { epoch: 1, index: leafIndex(1_234_567_890) } }],
  ['a shorter one', { kind: 'outcome', about: { epoch: 1, index: leafIndex(99) } }],
  ['the largest', { kind: 'outcome', about: { epoch: 1, index: leafIndex(2 ** 53 - 2) } }],
  ['another epoch', { kind: 'outcome', about: { epoch: 2, index: leafIndex(10) } }],
]

test('the text says what the facts are, whatever was written before', () => {
  for (const [name, more] of [...ROWS, ...ROWS.toReversed()]) {
    const facts = { ...FIRST, ...more }
    const { section, end } = writeWhen(facts)
    const { kind, exchange, atUs, gateway, incarnation, about, clock, recording } = facts
    const id = facts.exchange ?? ID
    const at = formatTime(atUs)
    const stands = { gateway: gateway.toWellFormed(), incarnation, about, clock, recording }
    const when = { v: 1, kind, id, exchange, at, ...stands }
    const text = Buffer.from(section.text(end))
    assert.equal(text.toString(), JSON.stringify(when), name)
    assert.equal(parseWhen(text).kind, kind, name)
  }
})

test('an exchange that is no uuid is refused, and the next record is whole', () => {
  assert.throws(() => writeWhen({ ...FIRST, exchange: 'x' }), RangeError)
  const { section, end } = writeWhen(FIRST)
  assert.equal(JSON.parse(Buffer.from(section.text(end)).toString()).exchange, ID)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rowReader } from './channel.ts'
import { copied, GarbledError } from './frame-reader.ts'
import { FORMS, FrameWriter, HEAD_BYTES, numbersIn } from './frame-writer.ts'
import type { FromGateway, FromWorker } from './messages.ts'
import { readFromGateway, readFromWorker, writeFromGateway, writeFromWorker } from './wire.ts'

const EXCHANGE = '01890a5d-ac96-774b-bcce-b302099a8057'
const TEXTS = ['{"who":1}', undefined, '{"where":1}', '{"what":1}', '{"why":1}']
const ANYBODY = [undefined, '192.0.2.1'] as const
const ADA = ['https://issuer.example', 'ada'] as const

const ASKED: readonly (readonly [name: string, FromWorker])[] = [
  ['an intent', ['intent', 1, EXCHANGE, ADA, undefined, undefined, TEXTS, false, undefined]],
  [
    'an intent of somebody unknown',
    ['intent', 0, EXCHANGE, ANYBODY, undefined, ['what'], TEXTS, false, undefined],
  ],
  [
    'an intent with an actor',
    ['intent', 7, EXCHANGE, ADA, ['', 'bot'], ['what', 'how'], TEXTS, true, undefined],
  ],
  [
    'names beyond ASCII',
    ['intent', 7, EXCHANGE, ['é', 'Łódź 😀'], ANYBODY, ['how'], TEXTS, false, undefined],
  ],
  ['a relaxed intent', ['intent', 1, EXCHANGE, ADA, undefined, undefined, TEXTS, true, undefined]],
  ['a refusal', ['refusal', 3, EXCHANGE, ADA, ADA, undefined, TEXTS, '{"how":"é"}', undefined]],
  ['an outcome', ['outcome', 4, [2 ** 52, 5], '{"via":1}', '{"how":1}', undefined]],
  ['an outcome that went nowhere', ['outcome', 4, [0, 0], undefined, '{}', undefined]],
  ['progress', ['progress', 9, [17, 2], '{"how":1}']],
  ['quotas', ['take', 2, ['some', 'key', 1, 'other', '', 0.5], 3_000_000]],
  ['no quotas', ['take', 2, [], 0]],
  ['what was taken and is over', ['release', 8]],
  ['what was taken and goes on', ['renew', 8]],
]

const ANSWERED: readonly (readonly [name: string, FromGateway])[] = [
  ['a record', ['recorded', 3, 2 ** 52, '\u0000\u00ff leaf', '\u0080 tag', 4, true]],
  ['a record that is promised', ['recorded', 3, 7, 'leaf', 'tag', -1, false]],
  ['what has no more to say', ['done', 4]],
  ['quotas that are taken', ['taken', 5, undefined, true, [1, 2, 3, 4, 0]]],
  ['quotas that are held', ['taken', 5, 0, true, []]],
  ['quotas that are used up', ['taken', 5, undefined, false, [1, 2, 3, 4, 1]]],
]

function heardOf(bytes: Uint8Array, cut: number): readonly FromWorker[] {
  const heard: FromWorker[] = []
  const reader = rowReader(readFromWorker, (row) => heard.push(row))
  for (let at = 0; at < bytes.length; at += cut) reader.push(bytes.subarray(at, at + cut))
  return heard
}

for (const [name, row] of ASKED) {
  test(`crosses to the gateway: ${name}`, () => {
    const writer = new FrameWriter('utf8')
    assert.ok(writeFromWorker(writer, row))
    assert.deepEqual(heardOf(Buffer.from(writer.finish()), 1 << 16), [row])
  })
}

for (const [name, row] of ANSWERED) {
  test(`crosses to a worker: ${name}`, () => {
    const writer = new FrameWriter('latin1')
    assert.ok(writeFromGateway(writer, row))
    const heard: FromGateway[] = []
    rowReader<FromGateway>(readFromGateway, (each) => heard.push(each)).push(writer.finish())
    assert.deepEqual(heard, [row])
  })
}

for (const row of [
  ['intent', 1, EXCHANGE, ADA, undefined, undefined, TEXTS, false, [3]],
  ['refusal', 1, EXCHANGE, ADA, undefined, undefined, TEXTS, '{}', [3]],
  ['outcome', 1, [0, 0], undefined, '{}', [3, 4]],
] as const satisfies readonly FromWorker[]) {
  test(`crosses as a value, since it names bodies: ${row[0]}`, () => {
    const writer = new FrameWriter('utf8')
    assert.equal(writeFromWorker(writer, row), false)
    assert.ok(writer.isEmpty)
  })
}

test('rows arrive in their order, wherever the bytes are cut', () => {
  const writer = new FrameWriter('utf8')
  const rows = ASKED.map(([, row]) => row)
  const frames = [rows.slice(0, 5), rows.slice(5), rows].map((some) => {
    for (const row of some) writeFromWorker(writer, row)
    return Buffer.from(writer.finish())
  })
  const whole = Buffer.concat(frames)
  for (const cut of [1, 7, 8, 31, 33, 100, 1000]) {
    assert.deepEqual(heardOf(whole, cut), [...rows, ...rows], `${cut} bytes at a time`)
  }
})

test('a turn that is larger than the memory crosses whole', () => {
  const writer = new FrameWriter('utf8')
  const long = 'ł'.repeat(40_000)
  const row: FromWorker = ['progress', 1, [1, 1], long]
  for (let more = 0; more < 20_000; more += 1) writeFromWorker(writer, ['release', more])
  writeFromWorker(writer, row)
  const heard = heardOf(Buffer.from(writer.finish()), 65_536)
  assert.deepEqual([heard.length, heard.at(0), heard.at(-1)], [20_001, ['release', 0], row])
  writeFromWorker(writer, ['renew', 1])
  assert.deepEqual(heardOf(Buffer.from(writer.finish()), 10), [['renew', 1]])
})

/** A frame of these numbers and this text, its head as told. */
function frameOf(numbers: readonly number[], head: Partial<Record<0 | 1 | 2 | 3, number>> = {}) {
  const bytes = Buffer.alloc(HEAD_BYTES + 8 * numbers.length)
  const into = numbersIn(bytes)
  into.set([bytes.length, numbers.length, 0, FORMS.latin1])
  into.set(numbers, 4)
  for (const [at, value] of Object.entries(head)) into[Number(at)] = value
  return bytes
}

for (const [name, bytes] of [
  ['a frame shorter than its head', frameOf([], { 0: 24 })],
  ['a frame that ends within a number', frameOf([], { 0: 33 })],
  ['a frame longer than is taken', frameOf([], { 0: 2 ** 40 })],
  ['a frame of no length', frameOf([], { 0: Number.NaN })],
  ['a frame of endless length', frameOf([], { 0: Number.POSITIVE_INFINITY })],
  ['a negative length', frameOf([], { 0: -32 })],
  ['more numbers than the frame has', frameOf([1], { 1: 2 })],
  ['fewer than none', frameOf([1], { 1: -1 })],
  ['half a number', frameOf([1], { 1: 0.5 })],
  ['more text than the frame has', frameOf([6, 1], { 2: 8 })],
  ['text before it', frameOf([6, 1], { 2: -8 })],
  ['a row that nobody knows', frameOf([99, 1])],
  ['a row without a place', frameOf([6])],
  ['an outcome that ends too soon', frameOf([3, 1, 1, 1, -1])],
  ['a text that is missing', frameOf([3, 1, 1, 1, -1, -1])],
  ['a text that nobody sent', frameOf([4, 1, 1, 1, 5])],
  ['a text of half a character', frameOf([4, 1, 1, 1, 0.5])],
  ['a text of less than nothing', frameOf([4, 1, 1, 1, -2])],
  ['more quotas than there can be', frameOf([5, 1, 0, 2 ** 31])],
  ['fewer quotas than none', frameOf([5, 1, 0, -1])],
  ['sections that no route names', frameOf([1, 1, 8])],
  ['less than no sections', frameOf([1, 1, -1])],
  ['half a section', frameOf([1, 1, 4.5])],
] as const) {
  test(`is refused: ${name}`, () => {
    const reader = rowReader(readFromWorker, () => undefined)
    assert.throws(() => reader.push(bytes), GarbledError)
  })
}

test('whatever bytes come, they are rows or an error', () => {
  let state = 1
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647
    return state
  }
  const writer = new FrameWriter('utf8')
  for (let round = 0; round < 3000; round += 1) {
    for (const [, row] of ASKED) writeFromWorker(writer, row)
    const bytes = Buffer.from(writer.finish())
    for (let flips = 1 + (next() % 4); flips > 0; flips -= 1) {
      bytes[next() % bytes.length] = next() % 256
    }
    try {
      heardOf(bytes, 512)
    } catch (error) {
      assert.ok(error instanceof Error)
    }
  }
})

for (const text of ['', 'short', EXCHANGE, 'Łódź 😀'.repeat(9)]) {
  test(`a text that is kept is the same: ${text.length} characters`, () => {
    assert.equal(copied(text), text)
  })
}

// What is shared by connections: that it is the same reading, that it is bounded, and forgotten.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, SeededRandom, SimulatedClock } from '../../platform/index.ts'
import type { Lines } from './line-sums.ts'
import { type RememberedHead, RememberedHeads } from './remembered-heads.ts'
import { HeadParser, type RequestHead } from './request-head.ts'

const MINUTE_MS = 60_000

function headOf(token: string): string {
  return `GET /a HTTP/1.1\r\nHost: api.example\r\nAuthorization: Bearer ${token}\r\n`
}

function heads(clock: Clock = new SimulatedClock()): RememberedHeads {
  return new RememberedHeads({ clock, random: new SeededRandom(1) })
}

/** In the middle of other bytes. */
function parse(parser: HeadParser, text: string): RequestHead | undefined {
  const bytes = Buffer.from(`before${text}\r\nbehind\r\n`)
  return parser.parse(bytes, 'before'.length, 'before'.length + text.length)
}

/** Reads it on a connection of its own. */
function readAlone(remembered: RememberedHeads, text: string) {
  const head = parse(new HeadParser(remembered), text)
  assert.ok(head !== undefined)
  return head
}

function linesOf(text: string): Lines {
  return { bytes: Buffer.from(text), from: 0, to: text.length }
}

function show(remembered: RememberedHeads, text: string): void {
  const sum = remembered.sumOf(linesOf(text))
  if (remembered.see(sum)) remembered.keep(sum, linesOf(text), [])
}

function find(remembered: RememberedHeads, text: string): RememberedHead | undefined {
  return remembered.get(remembered.sumOf(linesOf(text)), linesOf(text))
}

test('the third connection that shows the same lines has what was read of the second', () => {
  const remembered = heads()
  const [first, second, third] = [1, 2, 3].map(() => readAlone(remembered, headOf('a')))
  assert.equal(first?.standing, undefined)
  assert.ok(second?.standing !== undefined)
  assert.equal(third?.standing, second.standing)
  assert.equal(third.fields, second.fields)
  assert.deepEqual(third.fields, first?.fields)
  assert.deepEqual(third.framing, first?.framing)
})

test('other lines, however little they differ, are other heads', () => {
  const remembered = heads()
  for (let time = 0; time < 3; time += 1) readAlone(remembered, headOf('a'))
  const known = readAlone(remembered, headOf('a'))
  for (const text of [headOf('b'), headOf('a '), headOf('a').replace('Host', 'host')]) {
    const other = readAlone(remembered, text)
    assert.notEqual(other.fields, known.fields, text)
    assert.equal(other.standing, undefined, text)
  }
  assert.deepEqual(readAlone(remembered, headOf('b')).fields.at(-1), ['Authorization', 'Bearer b'])
})

test('the request line is read each time', () => {
  const remembered = heads()
  for (let time = 0; time < 3; time += 1) readAlone(remembered, headOf('a'))
  const { method, target } = readAlone(remembered, headOf('a').replace('GET /a', 'PUT /b?c'))
  assert.deepEqual([method, target], ['PUT', '/b?c'])
  const parser = new HeadParser(remembered)
  assert.equal(parse(parser, headOf('a').replace('GET', 'get')), undefined)
})

test('what frames a message ambiguously is refused the third time as the first', () => {
  const remembered = heads()
  const text = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n'
  const readings = [1, 2, 3, 4].map(() => parse(new HeadParser(remembered), text)?.framing)
  for (const reading of readings) assert.deepEqual(reading, readings[0])
  assert.ok(readings[0] === undefined || 'refused' in readings[0])
})

test('what is no head is none the third time either', () => {
  const remembered = heads()
  for (let time = 0; time < 3; time += 1) {
    assert.equal(parse(new HeadParser(remembered), 'GET / HTTP/1.1\r\nHost : a\r\n'), undefined)
  }
})

test('lines that come once are not kept, and of those that come again a bounded number', () => {
  const remembered = heads()
  const isKnown = (token: number) => find(remembered, headOf(`t${token}`)) !== undefined
  for (let token = 0; token < 5000; token += 1) show(remembered, headOf(`t${token}`))
  for (let token = 0; token < 5000; token += 1) assert.equal(isKnown(token), false)
  for (let token = 0; token < 5000; token += 1) {
    for (let time = 0; time < 2; time += 1) show(remembered, headOf(`t${token}`))
  }
  let kept = 0
  for (let token = 0; token < 5000; token += 1) if (isKnown(token)) kept += 1
  assert.ok(kept > 0 && kept <= 2048, `${kept} are kept`)
})

test('lines that are too long are not kept', () => {
  const remembered = heads()
  const text = headOf('a'.repeat(5000))
  for (let time = 0; time < 3; time += 1) {
    assert.equal(readAlone(remembered, text).standing, undefined)
  }
})

test('what nobody shows for two minutes is forgotten, what is shown stays', async () => {
  const clock = new SimulatedClock()
  const remembered = heads(clock)
  for (const token of ['idle', 'busy']) {
    for (let time = 0; time < 2; time += 1) show(remembered, headOf(token))
  }
  for (let minute = 0; minute < 3; minute += 1) {
    assert.ok(find(remembered, headOf('busy')) !== undefined, `after ${minute} minutes`)
    await clock.advance(MINUTE_MS + 1)
  }
  assert.equal(find(remembered, headOf('idle')), undefined)
  assert.ok(find(remembered, headOf('busy')) !== undefined)
  remembered.close()
  assert.equal(find(remembered, headOf('busy')), undefined)
})

test('a connection knows its own lines again, whatever others have shown since', () => {
  const remembered = heads()
  const parser = new HeadParser(remembered)
  parse(parser, headOf('own'))
  for (let token = 0; token < 20_000; token += 1) show(remembered, headOf(`t${token}`))
  const known = parse(parser, headOf('own'))?.standing
  assert.ok(known !== undefined)
  for (let token = 0; token < 20_000; token += 1) show(remembered, headOf(`t${token % 4000}`))
  assert.equal(parse(parser, headOf('own'))?.standing, known)
})

test('lines of the same sum are other heads where they are other lines', () => {
  const remembered = heads()
  const [one, other] = [linesOf(headOf('a')), linesOf(headOf('b'))]
  const kept = remembered.keep(7, one, [])
  assert.equal(remembered.get(7, one), kept)
  assert.equal(remembered.get(7, other), undefined)
  assert.equal(remembered.get(7, linesOf(`${headOf('a')}x: y\r\n`)), undefined)
})

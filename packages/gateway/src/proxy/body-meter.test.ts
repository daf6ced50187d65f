import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { BodyMeter } from './body-meter.ts'

const piece = fc.uint8Array({ maxLength: 40 })

function factsOf(pieces: readonly Uint8Array[]): unknown {
  const body = Buffer.concat(pieces)
  return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }
}

test('a meter tells of all that has passed, at any time', () => {
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const meter = new BodyMeter()
      assert.deepEqual(meter.facts(), factsOf([]))
      for (const [nth, each] of pieces.entries()) {
        meter.add(each)
        assert.deepEqual(meter.facts(), factsOf(pieces.slice(0, nth + 1)))
      }
      assert.equal(meter.bytes, Buffer.concat(pieces).length)
    }),
  )
})

test('a meter further on digests for both, and each tells of its own bytes', () => {
  const streams = fc.record({
    held: fc.array(piece),
    // True: one more is received; false: one more is let go.
    steps: fc.array(fc.tuple(fc.boolean(), piece)),
    // Where each is asked on its way: what was asked before must not stay the answer.
    asked: fc.infiniteStream(fc.boolean()),
  })
  fc.assert(
    fc.property(streams, ({ held, steps, asked }) => {
      const received = new BodyMeter()
      for (const each of held) received.add(each)
      const released = received.further(held)
      const all = [...held]
      let passed = 0
      for (const [isReceived, each] of steps) {
        if (isReceived) {
          received.add(each)
          all.push(each)
        } else if (passed < all.length) {
          released.add(all[passed] ?? new Uint8Array())
          passed += 1
        }
        if (asked.next().value) assert.deepEqual(received.facts(), factsOf(all))
        if (asked.next().value) assert.deepEqual(released.facts(), factsOf(all.slice(0, passed)))
      }
      assert.deepEqual(received.facts(), factsOf(all))
      assert.deepEqual(released.facts(), factsOf(all.slice(0, passed)))
    }),
  )
})

test('held in other pieces than it came: joined, it is the same body', () => {
  const [one, two, three] = ['a', 'b', 'c'].map((text) => Buffer.from(text))
  const received = new BodyMeter()
  for (const each of [one, two, three]) received.add(each as Buffer)
  const held = [Buffer.from('ab'), three as Buffer]
  const released = received.further(held)
  released.add(held[0] as Buffer)
  assert.deepEqual(released.facts(), factsOf([Buffer.from('ab')]))
  assert.deepEqual(received.facts(), factsOf([Buffer.from('abc')]))
})

test('what was not received is not let go', () => {
  const received = new BodyMeter()
  const released = received.further([])
  received.add(Buffer.from('a'))
  assert.throws(() => released.add(Buffer.from('b')), /passed on is what was received/)
})

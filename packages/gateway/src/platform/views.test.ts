import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Views } from './views.ts'

const memory = Uint8Array.from({ length: 10_000 }, (_, at) => at % 251)

for (const { what, start, end } of [
  { what: 'nothing', start: 0, end: 0 },
  { what: 'nothing, behind a head', start: 39, end: 39 },
  { what: 'what is short', start: 39, end: 240 },
  { what: 'the longest that is kept', start: 0, end: 4_095 },
  { what: 'what is longer than any that is kept', start: 0, end: 4_096 },
  { what: 'all of it', start: 39, end: 10_000 },
]) {
  test(`${what} is shown as it is, the first time and the second`, () => {
    const views = new Views(memory, start)
    for (const view of [views.upTo(end), views.upTo(end)]) {
      assert.deepEqual(view, memory.subarray(start, end))
      assert.equal(view.buffer, memory.buffer)
    }
  })
}

test('a view is made once', () => {
  const views = new Views(memory)
  assert.equal(views.upTo(100), views.upTo(100))
})

test('a view shows what is written later', () => {
  const written = new Uint8Array(100)
  const view = new Views(written, 10).upTo(20)
  written[12] = 7
  assert.equal(view[2], 7)
})

for (const { where, end } of [
  { where: 'before the place that views begin at', end: 38 },
  { where: 'beyond the memory', end: 10_001 },
]) {
  test(`an end ${where} is refused`, () => {
    assert.throws(() => new Views(memory, 39).upTo(end), RangeError)
  })
}

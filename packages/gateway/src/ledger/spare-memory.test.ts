import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpareMemory } from './spare-memory.ts'

test('what comes back is used again, for what fits into it', () => {
  const memory = new SpareMemory(1024)
  const [small, large] = [memory.take(10), memory.take(1025)]
  assert.deepEqual([small.length, large.length], [1024, 2048])
  memory.give(small)
  memory.give(large)
  assert.equal(memory.take(2000), large)
  assert.equal(memory.take(1), small)
  assert.notEqual(memory.take(1), small)
})

test('what is shared is bounded, however often it is taken; beyond it nothing is kept', () => {
  const memory = new SpareMemory(1024, 3072)
  for (let round = 0; round < 10; round += 1) {
    const taken = Array.from({ length: 5 }, () => memory.take(1))
    const areShared = taken.map(({ buffer }) => buffer instanceof SharedArrayBuffer)
    assert.deepEqual(areShared, [true, true, true, false, false])
    for (const each of taken) memory.give(each)
  }
})

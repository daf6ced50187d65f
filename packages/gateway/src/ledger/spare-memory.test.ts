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
  const memory = new SpareMemory(1024, 4096)
  const isShared = ({ buffer }: Uint8Array) => buffer instanceof SharedArrayBuffer
  for (let round = 0; round < 10; round += 1) {
    const taken = [1, 1, 2048, 1, 1].map((bytes) => memory.take(bytes))
    assert.deepEqual(taken.map(isShared), [true, true, true, false, false])
    for (const each of taken) memory.give(each)
    assert.equal(taken.filter((each) => !isShared(each)).includes(memory.take(2048)), false)
    memory.give(taken[2] ?? new Uint8Array(0))
  }
})

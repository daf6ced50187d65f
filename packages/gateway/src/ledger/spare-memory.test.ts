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

test('what is not its own is not kept', () => {
  const memory = new SpareMemory(1024)
  for (const bytes of [0, 512, 1025, 3000]) memory.give(new Uint8Array(bytes))
  assert.equal(memory.take(1).length, 1024)
})

test('it keeps no more than its bound, and less when little comes', () => {
  const memory = new SpareMemory(1_048_576)
  const given: Uint8Array[] = Array.from({ length: 80 }, () => new Uint8Array(1_048_576))
  for (const each of given) memory.give(each)
  for (let time = 0; time < 100; time += 1) memory.ebb()
  const taken = Array.from({ length: 80 }, () => memory.take(1))
  assert.equal(taken.filter((each) => given.includes(each)).length, 8)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readLatin1, writeLatin1 } from './latin1.ts'

const EVERY = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))

test('every byte is written as it is, where it is said, and nothing beside it', () => {
  const memory = new Uint8Array(300).fill(7)
  writeLatin1(memory.subarray(10), 12, EVERY, 256)
  assert.deepEqual(Buffer.from(memory.subarray(22, 278)), Buffer.from(EVERY, 'latin1'))
  assert.deepEqual(memory.slice(0, 22), new Uint8Array(22).fill(7))
  assert.deepEqual(memory.slice(278), new Uint8Array(22).fill(7))
})

test('joined text, cut text and small arrays are no exception', () => {
  const parts = [EVERY.slice(100, 140), EVERY.slice(200, 230)]
  const small = new Uint8Array(40)
  writeLatin1(small, 1, parts.join(''), 39)
  assert.equal(Buffer.from(small.subarray(1)).toString('latin1'), parts.join('').slice(0, 39))
  writeLatin1(small, 0, `${parts[0]}${parts[1]}`, 40)
  assert.equal(Buffer.from(small).toString('latin1'), parts[0])
})

test('what does not fit, or is not there, is an error, not a cut', () => {
  assert.throws(() => writeLatin1(new Uint8Array(40), 9, EVERY, 32), RangeError)
  assert.throws(() => writeLatin1(new Uint8Array(40), -1, EVERY, 32), RangeError)
  assert.throws(() => writeLatin1(new Uint8Array(40), 0, 'short', 32), RangeError)
})

test('what was written is read back, and nothing that is not there', () => {
  const memory = Buffer.from(`--${EVERY}`, 'latin1')
  assert.equal(readLatin1(memory, 2, 258), EVERY)
  assert.equal(readLatin1(memory, 3, 3), '')
  for (const [from, to] of [
    [-1, 3],
    [0, 259],
    [4, 3],
  ] as const) {
    assert.throws(() => readLatin1(memory, from, to), RangeError)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutSalts, SALT_BYTES } from '@countersign/evidence'
import { SeededRandom } from '../platform/index.ts'
import { SaltCutter } from './salts.ts'
import { sha512 } from './seal-key.ts'

test('salts in memory that is used again are the salts of the format, copied or not', () => {
  const random = new SeededRandom(11)
  const cutter = new SaltCutter()
  const [one, other] = [random.bytes(32), random.bytes(32)]
  // Twice the same key, then another, then the first again: what is kept of a key must be its own.
  for (const saltKey of [one, one, other, one]) {
    for (const count of [1, 4, 5, 12]) {
      const ids = random.bytes(20)
      cutter.begin(saltKey, ids, 3)
      const wanted = cutSalts(sha512, { saltKey, recordId: ids.subarray(3, 19), count })
      for (const [nth, salt] of wanted.entries()) {
        const words = new Int32Array(10)
        cutter.copyTo(nth, words, 5)
        assert.deepEqual(cutter.at(nth), salt)
        assert.deepEqual(new Uint8Array(words.buffer, 20, SALT_BYTES), salt)
        assert.deepEqual([...words.subarray(0, 5), words[9]], [0, 0, 0, 0, 0, 0])
      }
    }
  }
  assert.throws(() => cutter.copyTo(12, new Int32Array(4), 0), RangeError)
  assert.throws(() => cutter.at(12), RangeError)
})

test('salts are cut in whatever order they are asked for', () => {
  const random = new SeededRandom(12)
  const [saltKey, recordId] = [random.bytes(32), random.bytes(16)]
  const wanted = cutSalts(sha512, { saltKey, recordId, count: 12 })
  const cutter = new SaltCutter()
  cutter.begin(saltKey, recordId, 0)
  for (const nth of [7, 0, 11, 3]) assert.deepEqual(cutter.at(nth), wanted[nth])
})

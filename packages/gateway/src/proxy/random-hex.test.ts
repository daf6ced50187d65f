import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../platform/index.ts'
import { RandomHex } from './random-hex.ts'

test('no digit is given twice, as a text or written, and none is lost', () => {
  let drawn = ''
  const hex = new RandomHex({
    bytes(count) {
      const bytes = systemRandom().bytes(count)
      drawn += Buffer.from(bytes).toString('hex')
      return bytes
    },
  })
  const memory = Buffer.alloc(64, '-')
  let given = ''
  for (let nth = 0; nth < 256; nth += 1) {
    given += hex.digits(32)
    hex.write(memory, 8, 32)
    given += memory.toString('latin1', 8, 40)
  }
  assert.equal(given, drawn)
  assert.equal(memory.toString('latin1', 0, 8) + memory.toString('latin1', 40), '-'.repeat(32))
  assert.equal(hex.digits(48).length, 48)
})

import assert from 'node:assert/strict'
import { createHmac, createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { SeededRandom } from '../platform/index.ts'
import { Mac } from './mac.ts'

test('a tag is the runtime’s own HMAC, whatever the lengths of key and message', () => {
  const random = new SeededRandom(7)
  for (const keyBytes of [1, 31, 32, 63, 64]) {
    const key = createSecretKey(random.bytes(keyBytes))
    const mac = new Mac(key)
    for (const length of [0, 1, 55, 56, 64, 119, 120, 448, 449, 5_000, 3]) {
      const message = random.bytes(length)
      const wanted = createHmac('sha256', key).update(message).digest('latin1')
      assert.equal(mac.of(message), wanted, `${keyBytes} and ${length}`)
    }
  }
  assert.throws(() => new Mac(createSecretKey(random.bytes(65))), RangeError)
})

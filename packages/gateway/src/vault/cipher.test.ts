import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../platform/index.ts'
import { openBytes, sealBytes, sealInto, secretKey, TAG_BYTES } from './cipher.ts'

const random = new SeededRandom(5)
const by = { key: secretKey(random.bytes(32)), nonce: random.bytes(12), aad: random.bytes(32) }

for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 200_001]) {
  test(`${length} bytes are sealed in place as they are at once`, () => {
    const plain = random.bytes(length)
    const into = new Uint8Array(7 + length + TAG_BYTES + 9).fill(3)
    sealInto(by, plain, into, 7)
    const sealed = into.subarray(7, 7 + length + TAG_BYTES)
    assert.ok(Buffer.from(sealed).equals(sealBytes(by.key, by.nonce, by.aad, plain)))
    assert.ok(openBytes(by.key, by.nonce, by.aad, sealed)?.every((byte, at) => byte === plain[at]))
    assert.deepEqual(into.subarray(0, 7), new Uint8Array(7).fill(3))
    assert.deepEqual(into.subarray(-9), new Uint8Array(9).fill(3))
  })
}

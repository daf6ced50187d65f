import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addPiece } from './pieces.ts'

test('few pieces stay as they are', () => {
  const pieces: Uint8Array[] = []
  const given = Array.from({ length: 64 }, (_, nth) => Uint8Array.of(nth))
  for (const piece of given) addPiece(pieces, piece)
  assert.deepEqual(pieces, given)
})

for (const [bytesEach, count, most] of [
  [1, 65_536, 100],
  [3, 20_000, 100],
  [1, 300, 80],
  [5000, 200, 200],
] as const) {
  test(`${count} pieces of ${bytesEach} bytes become ${most} at most, in their order`, () => {
    const pieces: Uint8Array[] = []
    const given = Array.from({ length: count }, (_, nth) => Buffer.alloc(bytesEach, nth % 251))
    for (const piece of given) addPiece(pieces, piece)
    assert.ok(pieces.length <= most, `${pieces.length} pieces`)
    assert.ok(Buffer.concat(pieces).equals(Buffer.concat(given)))
  })
}

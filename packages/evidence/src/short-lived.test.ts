import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ShortLived } from './short-lived.ts'

test('it holds what a map holds, however many come and go', () => {
  const [map, expected] = [new ShortLived<number, number>(), new Map<number, number>()]
  for (let key = 0; key < 20_000; key++) {
    map.set(key, key % 7)
    expected.set(key, key % 7)
    // Most go in order, some stay, and what is gone already is gone.
    const gone = key - 50
    if (gone % 1_000 !== 0) {
      map.delete(gone)
      expected.delete(gone)
    }
    map.delete(gone)
    expected.delete(gone)
    if (key % 500 === 0) map.set(key - 3, 1)
    if (key % 500 === 0) expected.set(key - 3, 1)
  }
  assert.equal(map.size, expected.size)
  assert.deepEqual([...map.entries()], [...expected])
  assert.equal(map.get(1), undefined)
  assert.equal(map.get(19_999), 19_999 % 7)
})

// What numbers of lines depend on: all of their bytes, and the seed, and not where they lie.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../platform/index.ts'
import { LineSums } from './line-sums.ts'

const TEXT = 'Host: api.example\r\nAuthorization: Bearer abc\r\n'

function sumOf(sums: LineSums, text: string, before = ''): number {
  const bytes = Buffer.from(`${before}${text}behind`, 'latin1')
  return sums.of({ bytes, from: before.length, to: before.length + text.length })
}

test('the same bytes have the same sum, wherever they lie', () => {
  const sums = new LineSums(new SeededRandom(1))
  for (let length = 0; length <= TEXT.length; length += 1) {
    const text = TEXT.slice(0, length)
    const found = [0, 1, 2, 3, 5, 8, 9000].map((count) => sumOf(sums, text, 'x'.repeat(count)))
    assert.deepEqual(new Set(found), new Set([sumOf(sums, text)]), `of ${length}`)
  }
})

test('each byte counts, and so do the length and the seed', () => {
  const sums = new LineSums(new SeededRandom(1))
  const all = new Set([sumOf(sums, TEXT), sumOf(new LineSums(new SeededRandom(2)), TEXT)])
  for (let at = 0; at < TEXT.length; at += 1) {
    all.add(sumOf(sums, `${TEXT.slice(0, at)}!${TEXT.slice(at + 1)}`))
    all.add(sumOf(sums, TEXT.slice(0, at)))
  }
  assert.equal(all.size, 2 + 2 * TEXT.length)
})

test('few of many texts that differ in a few characters share a sum', () => {
  const sums = new LineSums(new SeededRandom(1))
  const all = new Set<number>()
  for (let nth = 0; nth < 20_000; nth += 1) all.add(sumOf(sums, `${TEXT}X-Nth: ${nth}\r\n`))
  assert.ok(all.size > 19_980, `${all.size}`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter } from './byte-stream.ts'
import { readIntegers, writeIntegers } from './integer-column.ts'

const WIDE = 2 ** 50

for (const [what, values] of [
  ['few wide values that never repeat, as after a jump of the clock', [0, WIDE, 7]],
  ['wide values that repeat', [0, WIDE, 0, WIDE, 0, WIDE, 0, 0]],
  ['two wide values', [WIDE, -WIDE]],
  ['even steps', [WIDE, WIDE + 1, WIDE + 2, WIDE + 3]],
  ['one value', [42]],
] as const) {
  test(`integers read back: ${what}`, () => {
    const to = { structure: new ByteWriter(), numbers: new ByteWriter() }
    writeIntegers(Float64Array.from(values), values.length, to)
    const from = {
      structure: new ByteReader(to.structure.bytes),
      numbers: new ByteReader(to.numbers.bytes),
    }
    assert.deepEqual(readIntegers(values.length, from), values)
  })
}

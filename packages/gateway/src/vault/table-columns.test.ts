import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encodePersons, readPersons } from './columns.ts'
import { PackedRow, type RowSource } from './packed-row.ts'
import { TableEncoder } from './table-encoder.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const ROWS = 20_000
const COLLECTIONS = 25
/** Of what such a shape takes while it is encoded, a fifth. */
const SHAPE_BYTES_MAX = 1_000_000

/** Many sections of one shape that no other pack has. */
function rowsOfShape(shape: number, count: number): RowSource {
  const texts = Array.from({ length: count }, (_, nth) =>
    Buffer.from(`{"n${shape}":${nth * nth},"a":"${nth}","b":"b${nth}","c":"c${nth}","d":${nth}}`),
  )
  return {
    count,
    read(nth, row) {
      const bytes = texts[nth] ?? Buffer.alloc(0)
      Object.assign(row, { offset: nth, kind: 0, isOpaque: false, count: 1 })
      row.put(0, 2, bytes, 0, bytes.length)
    },
  }
}

const row = new PackedRow()

function pack(encoder: TableEncoder, rows: RowSource): void {
  encoder.begin({ hasRecordIds: false, isWhole: false })
  for (let nth = 0; nth < rows.count; nth++) {
    rows.read(nth, row)
    encoder.add(row)
  }
  encoder.finish()
}

test('an encoder that knows many shapes keeps no memory of packs of many rows', async () => {
  const encoder = new TableEncoder()
  const encode = (shapes: readonly number[]): void => {
    for (const shape of shapes) pack(encoder, rowsOfShape(shape, ROWS))
    pack(encoder, rowsOfShape(0, 1))
  }
  encode([0, 1])
  const before = await leastHeld(Number.NEGATIVE_INFINITY)
  encode([2, 3, 4, 5])
  const after = await leastHeld(before + 4 * SHAPE_BYTES_MAX)
  assert.ok(after - before < 4 * SHAPE_BYTES_MAX, `${after - before} bytes more`)
})

/** What is freed is counted a while later: asked until it is little enough, or stays as it is. */
async function leastHeld(enough: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let time = 0; time < COLLECTIONS && least >= enough; time += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
    least = Math.min(least, process.memoryUsage().arrayBuffers)
  }
  return least
}

test('packs of one encoder are cut, each of them, whatever the one before had', () => {
  const encoder = new TableEncoder()
  for (const count of [5, 40, 3, 40]) {
    const plain = encodePersons(rowsOfShape(0, count), encoder)
    assert.deepEqual(
      readPersons(plain).shapes.map(({ rows }) => rows),
      [count],
    )
  }
})

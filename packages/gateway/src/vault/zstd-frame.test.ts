import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { cutColumns, readPersons } from './columns.ts'
import { readCuts } from './frames.ts'
import { packPersons } from './testing.ts'
import { isFrameOf } from './zstd-frame.ts'

const CONTENTS = [1, 60, 255, 256, 300, 65_791, 65_792, 200_000].map((bytes) =>
  Buffer.from(Array.from({ length: bytes }, (_, at) => (at * at * 7) % 251)),
)
const OPTIONS = [
  {},
  { params: { [constants.ZSTD_c_checksumFlag]: 1 } },
  { dictionary: Buffer.from('countersign '.repeat(20)) },
]

for (const content of CONTENTS) {
  test(`a frame of ${content.length} bytes ends where it ends`, () => {
    for (const options of OPTIONS) {
      const frame = zstdCompressSync(content, options)
      assert.equal(isFrameOf(frame, content.length), true)
      assert.equal(isFrameOf(frame, content.length + 1), false)
      assert.equal(isFrameOf(frame, content.length - 1), false)
      for (const cut of [1, 2, 5, frame.length - 4, frame.length - 1]) {
        assert.equal(isFrameOf(frame.subarray(0, cut), content.length), false)
      }
      for (const more of [Buffer.alloc(1), zstdCompressSync(Buffer.alloc(0)), frame]) {
        assert.equal(isFrameOf(Buffer.concat([frame, more]), content.length), false)
      }
    }
  })
}

test('a frame that another one must complete is none', () => {
  const raw = zstdCompressSync(Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]))
  assert.equal(isFrameOf(raw.subarray(0, raw.length - 3), 8), false)
})

test('whatever is taken for a frame holds what it declares, or the decoder refuses it', () => {
  const content = Buffer.from('whatever somebody says, some say twice, whatever somebody says')
  const frame = zstdCompressSync(content)
  for (let at = 0; at < frame.length; at += 1) {
    for (const change of [1, 0x10, 0x40, 0xff]) {
      const changed = Buffer.from(frame)
      changed[at] = (changed[at] ?? 0) ^ change
      if (isFrameOf(changed, content.length)) assert.notEqual(lengthOf(changed), 'another')
    }
  }
  function lengthOf(bytes: Buffer): string {
    try {
      return zstdDecompressSync(bytes).length === content.length ? 'same' : 'another'
    } catch {
      return 'refused'
    }
  }
})

test('many packs read as each of them by itself, what is no pack excepted', () => {
  const plains = [2, 1, 40, 3, 700].map((rows) => packOf(rows))
  const broken = Uint8Array.from(plains[2] ?? [])
  broken[12] = (broken[12] ?? 0) ^ 0xff
  const all = [...plains.slice(0, 3), broken, new Uint8Array(3), ...plains.slice(3)]
  const read = readCuts(all.map((plain) => () => cutColumns(plain, { hasRecordIds: false })))
  assert.deepEqual(
    read.map((table) => table?.rows),
    [2, 1, 40, undefined, undefined, 3, 700],
  )
  for (const [nth, table] of read.entries()) {
    if (table === undefined) continue
    const alone = readPersons(all[nth] ?? new Uint8Array(0))
    for (let row = 0; row < table.rows; row += 1) {
      assert.deepEqual(table.record(row), alone.record(row))
    }
  }
})

function packOf(count: number): Uint8Array {
  const sections = Array.from({ length: count }, (_, at) => {
    const text = `{"principal":"somebody-${count}","nth":${at},"note":"${'n'.repeat(40)}"}`
    return { offset: at * 3, id: 2, bytes: Buffer.from(text) }
  })
  return packPersons(sections)
}

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { constants, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { FrameWriter } from './frame-writer.ts'

const dictionary = Buffer.from(
  '"method":"GET","scheme":"https","authority":"api.example.org"'.repeat(8),
)
const params = { [constants.ZSTD_c_compressionLevel]: 3 }

for (const [name, options] of Object.entries<ZstdOptions>({
  'with a dictionary': { params, dictionary },
  'without one': { params },
})) {
  test(`frames ${name} are those that the runtime makes one by one, in any order of sizes`, () => {
    const writer = new FrameWriter(options)
    const unframing = options.dictionary === undefined ? {} : { dictionary: options.dictionary }
    assert.equal(writer.isQuick, true, 'this runtime has no context that serves for many frames')
    for (const length of [48, 1, 700, 20_000, 300, 0, 131_073, 1_048_576, 64, 1_048_577, 5_000]) {
      for (const bytes of [randomBytes(length), Buffer.alloc(length, '{"path":"/orders/7"}')]) {
        const frame = Buffer.from(writer.frame(bytes))
        assert.ok(frame.equals(zstdCompressSync(bytes, options)), `${length} bytes`)
        assert.ok(zstdDecompressSync(frame, unframing).equals(bytes), `${length} bytes`)
      }
    }
    assert.equal(writer.isQuick, true)
  })
}

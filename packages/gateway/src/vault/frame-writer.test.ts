import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  constants,
  createZstdCompress,
  type ZstdOptions,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { FrameReader } from './frame-reader.ts'
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

test('frames are taken apart one after the other, and what holds more or less is not taken', () => {
  const [reader, writer] = [
    new FrameReader({ dictionary }),
    new FrameWriter({ params, dictionary }),
  ]
  for (const length of [1, 700, 20_000, 300, 131_073, 64, 5_000_000, 5_000]) {
    for (const bytes of [randomBytes(length), Buffer.alloc(length, '{"path":"/orders/7"}')]) {
      assert.ok(Buffer.from(reader.content(writer.frame(bytes), length)).equals(bytes))
    }
  }
  const texts = ['one person', 'somebody else'].map((text) => Buffer.alloc(500, text))
  const kept = texts.map((text) => reader.ownContent(writer.frame(text), text.length))
  assert.deepEqual(
    kept.map((each) => Buffer.from(each)),
    texts,
  )
  assert.equal(reader.isQuick, true, 'this runtime has no context that serves for many frames')
  for (const [made, claimed] of [
    [700, 699],
    [700, 701],
  ] as const) {
    const frame = writer.frame(Buffer.alloc(made, 7))
    const again = new FrameReader({ dictionary })
    assert.notEqual(
      lengthOf(() => again.content(frame, claimed)),
      claimed,
    )
    const broken = Uint8Array.from(frame.subarray(0, frame.length - 2))
    assert.notEqual(
      lengthOf(() => again.content(broken, made)),
      made,
    )
  }
})

function lengthOf(content: () => Uint8Array): number {
  try {
    return content().length
  } catch {
    return -1
  }
}

test('a context that fails makes no frame, least of all the one before', async () => {
  const writer = new FrameWriter({ params })
  writer.frame(Buffer.alloc(500, 'one person'))
  const { _handle: handle } = createZstdCompress() as unknown as { readonly _handle: object }
  failOnce(Object.getPrototypeOf(handle))
  const other = Buffer.alloc(500, 'somebody else')
  assert.ok(zstdDecompressSync(writer.frame(other)).equals(other))
  assert.equal(writer.isQuick, false)
  await new Promise((done) => setImmediate(done)) // An error event would have come by now.
})

interface Handle {
  writeSync: (...all: readonly unknown[]) => void
  onerror(message: string, errno: number, code: string): void
}

/** As the runtime's own does when there is no memory: it tells, and writes nothing. */
function failOnce(prototype: Handle): void {
  const { writeSync } = prototype
  prototype.writeSync = function failing(this: Handle) {
    prototype.writeSync = writeSync
    this.onerror('no memory', -64, 'ZSTD_error_memory_allocation')
  }
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { everyAlgorithm } from '../test/algorithms.ts'
import { memoryLog } from '../test/memory-log.ts'
import {
  bundleOf,
  bundlesBetween,
  decodeBundle,
  encodeBundle,
  entriesPath,
  hashBundle,
  hashLeaf,
  leafIndex,
  parseTilePath,
  TlogError,
  tileHashReader,
  tilePath,
  tilesBetween,
  tileWidthAt,
  treeSize,
} from './index.ts'

const { sha256 } = everyAlgorithm[0] ?? assert.fail()

for (const [tile, path] of [
  [{ level: 0, index: 0 }, 'tile/0/000'],
  [{ level: 0, index: 5 }, 'tile/0/005'],
  [{ level: 0, index: 999 }, 'tile/0/999'],
  [{ level: 0, index: 1000 }, 'tile/0/x001/000'],
  [{ level: 1, index: 70_000 }, 'tile/1/x070/000'],
  [{ level: 63, index: 1_234_067 }, 'tile/63/x001/x234/067'],
  [{ level: 0, index: 1_000_000 }, 'tile/0/x001/x000/000'],
  [{ level: 0, index: 273, width: 112 }, 'tile/0/273.p/112'],
  [{ level: 0, index: 273, width: 256 }, 'tile/0/273'],
] as const) {
  test(`tile path ${path} is written and read`, () => {
    assert.equal(tilePath(tile), path)
    const { level, ...bundle } = { width: 256, ...tile }
    assert.deepEqual(parseTilePath(path), { kind: 'tile', level, ...bundle })
    const entries = path.replace(/tile\/\d+/, 'tile/entries')
    assert.equal(entriesPath(bundle), entries)
    assert.deepEqual(parseTilePath(entries), { kind: 'entries', ...bundle })
  })
}

for (const path of [
  '',
  'checkpoint',
  'tile/0',
  'tile/0/0',
  'tile/00/000',
  'tile/64/000',
  'tile/-1/000',
  'tile/0/1000',
  'tile/0/x000/001', // leading group of zeros
  'tile/0/x1/000',
  'tile/0/001/000',
  'tile/0/x001',
  'tile/0/000.p/0',
  'tile/0/000.p/01',
  'tile/0/000.p/256',
  'tile/0/000.p/999',
  'tile/0/000.p',
  'tile/0/000.p/1/',
  'tile/0/000\n',
  '/tile/0/000',
  'tile/8/data/000',
  'tile/entries/../000',
  `tile/0/${'x999/'.repeat(6)}999`, // beyond 2^53
]) {
  test(`${JSON.stringify(path)} names no tile`, () => {
    assert.throws(() => parseTilePath(path), codeIs('TLOG_TILE_PATH'))
  })
}

test('coordinates out of range have no path', () => {
  assert.throws(() => tilePath({ level: 64, index: 0 }), codeIs('TLOG_NUMBER_RANGE'))
  assert.throws(() => tilePath({ level: 0, index: -1 }), codeIs('TLOG_NUMBER_RANGE'))
  assert.throws(() => tilePath({ level: 0, index: 0.5 }), codeIs('TLOG_NUMBER_RANGE'))
  assert.throws(() => entriesPath({ index: 0, width: 0 }), codeIs('TLOG_WIDTH_RANGE'))
  assert.throws(() => entriesPath({ index: 0, width: 257 }), codeIs('TLOG_WIDTH_RANGE'))
})

test('a tree of 70,000 has the 551 files of the specification', () => {
  const tiles = [...tilesBetween(treeSize(0), treeSize(70_000))].map(tilePath)
  const bundles = [...bundlesBetween(treeSize(0), treeSize(70_000))].map(entriesPath)
  const files = new Set([...tiles, ...bundles])
  assert.equal(files.size, 551)
  for (const path of [
    'tile/0/000',
    'tile/0/272',
    'tile/0/273.p/112',
    'tile/1/000',
    'tile/1/001.p/17',
    'tile/2/000.p/1',
    'tile/entries/272',
    'tile/entries/273.p/112',
  ]) {
    assert.ok(files.has(path), path)
  }
})

for (const [from, to, want] of [
  [0, 0, ''],
  [5, 5, ''],
  [0, 1, '0/000.p/1'],
  [1, 255, '0/000.p/255'],
  [255, 256, '0/000 1/000.p/1'],
  [256, 257, '0/001.p/1'],
  [257, 511, '0/001.p/255'],
  [511, 513, '0/001 0/002.p/1 1/000.p/2'],
  [65_535, 65_536, '0/255 1/000 2/000.p/1'],
  [7, 3, ''], // a tree does not shrink
] as const) {
  test(`from ${from} to ${to} these tiles are written: ${want}`, () => {
    const between = [...tilesBetween(treeSize(from), treeSize(to))].map(tilePath)
    assert.equal(between.join(' '), want && `tile/${want.replaceAll(' ', ' tile/')}`)
  })
}

test('every tile and bundle of every published size is written, at its width', () => {
  const size = fc.integer({ min: 0, max: 200_000 })
  const sizes = fc.array(size, { minLength: 1, maxLength: 6 })
  const property = fc.property(sizes, (unsorted) => {
    const written = new Set<string>()
    let from = treeSize(0)
    for (const to of [...new Set(unsorted)].sort((one, other) => one - other).map(treeSize)) {
      for (const tile of tilesBetween(from, to)) written.add(tilePath(tile))
      for (const bundle of bundlesBetween(from, to)) written.add(entriesPath(bundle))
      for (let level = 0, count: number = to; count > 0; level += 1, count >>= 8) {
        const index = (count - 1) >> 8
        const width = tileWidthAt(to, level, index)
        assert.equal(width, count - index * 256)
        assert.equal(tileWidthAt(to, level, index + 1), 0)
        assert.ok(written.has(tilePath({ level, index, width })))
        if (level === 0) assert.ok(written.has(entriesPath({ index, width })))
        if (index > 0) assert.ok(written.has(tilePath({ level, index: index - 1 })))
      }
      from = to
    }
  })
  fc.assert(property, { numRuns: 50 })
})

test('an entry stands in the bundle of its index', () => {
  assert.deepEqual(bundleOf(leafIndex(0)), { index: 0, offset: 0 })
  assert.deepEqual(bundleOf(leafIndex(70_000)), { index: 273, offset: 112 })
})

test('a bundle is length and bytes of each entry', () => {
  const bundle = encodeBundle([Buffer.from('one'), Buffer.from('two')])
  assert.equal(Buffer.from(bundle).toString('hex'), '00036f6e65000374776f')
  assert.deepEqual(decodeBundle(bundle, 2).map(String), ['111,110,101', '116,119,111'])
})

test('random bundles survive the round trip, empty and largest entries among them', () => {
  const entry = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.constantFrom(new Uint8Array(0), new Uint8Array(256), new Uint8Array(65_535).fill(9)),
  )
  const property = fc.property(fc.array(entry, { minLength: 1, maxLength: 256 }), (entries) => {
    const bundle = encodeBundle(entries)
    assert.deepEqual(decodeBundle(bundle, entries.length).map(bytesOf), entries.map(bytesOf))
    const hashes = entries.flatMap((one) => [...hashLeaf(sha256, one)])
    assert.deepEqual(hashBundle(sha256, bundle, entries.length), Uint8Array.from(hashes))
  })
  fc.assert(property, { numRuns: 50 })
})

for (const [what, hex, width, code] of [
  ['a width of none', '', 0, 'TLOG_WIDTH_RANGE'],
  ['a width of 257', '', 257, 'TLOG_WIDTH_RANGE'],
  ['nothing', '', 1, 'TLOG_BUNDLE_LENGTH'],
  ['half a length', '00', 1, 'TLOG_BUNDLE_LENGTH'],
  ['a cut entry', '00036f6e', 1, 'TLOG_BUNDLE_LENGTH'],
  ['one entry too few', '000161', 2, 'TLOG_BUNDLE_LENGTH'],
  ['one entry too many', '000161000162', 1, 'TLOG_BUNDLE_LENGTH'],
  ['one byte after the last', '00016100', 1, 'TLOG_BUNDLE_LENGTH'],
] as const) {
  test(`a bundle of ${what} is refused: ${code}`, () => {
    assert.throws(() => decodeBundle(Buffer.from(hex, 'hex'), width), codeIs(code))
    assert.throws(() => hashBundle(sha256, Buffer.from(hex, 'hex'), width), codeIs(code))
  })
}

test('a bundle of none, of 257 or of an entry too large is not written', () => {
  assert.throws(() => encodeBundle([]), codeIs('TLOG_WIDTH_RANGE'))
  const tooMany = Array<Uint8Array>(257).fill(new Uint8Array(1))
  assert.throws(() => encodeBundle(tooMany), codeIs('TLOG_WIDTH_RANGE'))
  assert.throws(() => encodeBundle([new Uint8Array(65_536)]), codeIs('TLOG_ENTRY_TOO_LARGE'))
})

test('the reader takes the full tile where the partial one was collected', async () => {
  const { files } = logOf(300, [200, 300])
  const collected = new Map([...files].filter(([path]) => path !== 'tile/0/000.p/200'))
  const asked: string[] = []
  const readTile = (path: string) => {
    asked.push(path)
    return Promise.resolve(collected.get(path))
  }
  const reader = tileHashReader({ sha256, size: treeSize(200), readTile })
  const [hash, again] = await reader.read([
    { level: 0, index: 199 },
    { level: 0, index: 199 },
  ])
  assert.deepEqual(hash, files.get('tile/0/000')?.slice(199 * 32, 200 * 32))
  assert.deepEqual(again, hash)
  assert.deepEqual(asked, ['tile/0/000.p/200', 'tile/0/000'])
  await assert.rejects(reader.read([{ level: 0, index: 200 }]), codeIs('TLOG_PROOF_RANGE'))
})

test('a tile that is missing or has another length is an error that names it', async () => {
  const reading = (answer: Uint8Array | undefined) =>
    tileHashReader({ sha256, size: treeSize(5), readTile: () => Promise.resolve(answer) })
  const node = [{ level: 0, index: 0 }]
  await assert.rejects(reading(undefined).read(node), /tile\/0\/000\.p\/5 is missing/)
  await assert.rejects(reading(undefined).read(node), codeIs('TLOG_TILE_MISSING'))
  await assert.rejects(reading(new Uint8Array(159)).read(node), codeIs('TLOG_TILE_LENGTH'))
})

function logOf(size: number, sizes: readonly number[]): ReturnType<typeof memoryLog> {
  const entries = Array.from({ length: size }, (_, at) => Buffer.from(`${at}`))
  return memoryLog(sha256, entries, sizes)
}

function bytesOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}

// Files that were made to keep an audit busy for ever, or to fill its memory: it ends, and says no.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { encodeBundle, entriesPath, hashBundle, tilePath, treeSize } from '@countersign/tlog'
import { DiskError, nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { blockPath } from '../../packages/gateway/src/vault/index.ts'
import { allowsInEpoch } from '../../packages/gateway/src/verify/epoch-layout.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { allowsInLog } from '../../packages/gateway/src/verify/log-layout.ts'
import { FileMap } from './file-map.ts'
import { segmentPath } from './forger.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'
import { LogKeys, makeLog, someEntries, text } from './made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)

function logOf(count: number): FileMap {
  const files = [...makeLog(keys, someEntries(count))]
  return new FileMap(new Map(files.map(([path, bytes]) => [`log/${path}`, bytes])))
}

function audit(files: FileMap, directory = 'log'): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory })
}

test('a checkpoint over more entries than can be counted', async () => {
  const note = keys.checkpoint(treeSize(Number.MAX_SAFE_INTEGER), new Uint8Array(32))
  const report = await audit(logOf(12).with('log/checkpoint', text(note)))
  assert.equal(report.exit, 1)
})

test('every partial file that an unfinished tile can have, each with other hashes', async () => {
  let files = logOf(65_536 + 256 + 1)
  for (let width = 1; width < 256; width += 1) {
    const bundle = encodeBundle(someEntries(width, `other ${width}`))
    const tile = hashBundle(nodeSha256, bundle, width)
    files = files.with(`log/tile/entries/257.p/${width}`, bundle)
    files = files.with(`log/tile/0/257.p/${width}`, tile)
    files = files.with(`log/tile/1/001.p/${width}`, tile)
    files = files.with(`log/tile/2/000.p/${width}`, tile)
  }
  const report = await audit(files)
  assert.equal(report.exit, 1)
})

test('partial bundles that are none, the largest that there may be', async () => {
  const huge = new Uint8Array(256 * 65_537)
  let files = logOf(300)
  for (let width = 1; width < 256; width += 4) {
    files = files.with(`log/tile/entries/000.p/${width}`, huge)
  }
  const report = await audit(files)
  assert.equal(report.exit, 1)
})

const PATH_BYTES_MAX = 4096

test('directories within directories, deeper than a path can name', async () => {
  const deep = `tile/0/${'x000/'.repeat(1500)}000`
  const files = logOf(300).flip('log/tile/entries/000', 9, 1).with(`log/${deep}`, text('deep'))
  const whole = files.disk()
  const disk = files.disk()
  disk.list = async (path) => {
    if (path.length > PATH_BYTES_MAX) throw new DiskError('DISK_IO', path, 'name too long')
    return whole.list(path)
  }
  const report = await verifyDirectory({ disk, directory: 'log' })
  assert.equal(report.exit, 1)
  assert.deepEqual(
    report.bad.map(({ kind, file }) => ({ kind, file })),
    [
      { kind: 'file', file: 'tile/0/x000/x000/x000/x000/x000' },
      { kind: 'entry', file: 'tile/entries/000' },
    ],
  )
})

test('the farthest tile of the largest log is where it may be', () => {
  const entry = Number.MAX_SAFE_INTEGER
  const index = Math.floor(entry / 256)
  for (const path of [tilePath({ level: 0, index, width: 3 }), entriesPath({ index, width: 3 })]) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth += 1) {
      assert.ok(allowsInLog(parts.slice(0, depth).join('/'), 'directory'), path)
    }
    assert.ok(allowsInLog(path, 'file'), path)
  }
  const parts = blockPath('acts', index, 3).split('/')
  for (let depth = 1; depth < parts.length; depth += 1) {
    assert.ok(allowsInEpoch(parts.slice(0, depth).join('/'), 'directory'))
  }
})

test('a tail of the write-ahead log in which everything looks like a frame', async () => {
  const ledger = new MadeLedger(1)
  await someTraffic(await ledger.start(), 0)
  await ledger.publish()
  const files = await ledger.files()
  const tail = Buffer.concat(Array.from({ length: 100_000 }, () => frameHeader()))
  const path = segmentPath(0)
  const report = await audit(files.with(path, Buffer.concat([files.bytes(path), tail])), DATA)
  assert.equal(report.exit, 1)
  assert.match(report.bad[0]?.why ?? '', /is damaged/)
})

/** What begins a frame, of a megabyte, far behind what the segment holds. */
function frameHeader(): Uint8Array {
  const bytes = Buffer.alloc(32)
  bytes.write('CSWF', 0, 'latin1')
  bytes.writeUInt32BE(1_000_000, 4)
  bytes.writeBigUInt64BE(1_000_000n, 8)
  bytes.writeUInt32BE(1, 16)
  bytes.writeUInt32BE(1_000_000, 20)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 24)), 24)
  return bytes
}

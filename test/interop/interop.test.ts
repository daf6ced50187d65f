import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import {
  formatTlogProof,
  inclusionProof,
  leafIndex,
  parseCheckpoint,
  parseNote,
  tileHashReader,
} from '@countersign/tlog'
import { nodeSha256 as sha256 } from '../../packages/gateway/src/platform/index.ts'
import synthetic from '../../packages/tlog/test/vectors/synthetic-log.json' with { type: 'json' }
import { need } from '../needs.ts'
import { ForeignVerifier, findGo, INSTALL } from './foreign-verifier.ts'
import { entryAt, ORIGIN, type WrittenLog, writeLog } from './ledger-log.ts'

const go = findGo()
const skip = need('a foreign verifier', { met: () => go !== undefined, install: INSTALL })

/** Sizes published on the way; the last is the size of the log. */
const PUBLISHED = [
  [1],
  [1, 2, 254, 255],
  [255, 256],
  [200, 256, 257],
  [256, 300, 10_000, 65_535, 65_536, 65_537, 70_000],
] as const

suite('a verifier that shares no code with ours', { skip }, () => {
  let directory = ''
  let foreign: ForeignVerifier
  const logs = new Map<number, WrittenLog>()

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-interop-'))
    foreign = ForeignVerifier.build(go ?? assert.fail(), directory)
    for (const sizes of PUBLISHED) {
      const size = sizes.at(-1) ?? assert.fail()
      logs.set(size, await writeLog(join(directory, `${size}`), sizes))
    }
  })
  after(() => rm(directory, { recursive: true }))

  for (const sizes of PUBLISHED) {
    const size = sizes.at(-1) ?? 0

    test(`accepts our ledger's log of ${size} entries, with the root known from elsewhere`, () => {
      const { directory: log, vkeys } = logOf(size)
      const known = new Map(Object.entries(synthetic.roots)).get(`${size}`)
      assert.equal(foreign.log(log, vkeys[0] ?? ''), `ok ${size} ${known}`)
    })

    test(`accepts our proofs of entries of ${size}, and no other entry for them`, async () => {
      const { directory: log, vkeys } = logOf(size)
      for (const index of new Set([0, size >> 1, size - 1])) {
        const { file, leaf } = await writeProof(log, index)
        assert.match(foreign.proof(file, vkeys[0] ?? '', leaf), new RegExp(`^ok ${size} `))
        await writeFile(leaf, entryAt(size))
        assert.match(foreign.proof(file, vkeys[0] ?? '', leaf), /^FAILED: invalid/)
      }
    })
  }

  // It must be able to fail, or its consent means nothing.
  for (const [path, at, why] of [
    ['checkpoint', ORIGIN.length + 1, /^FAILED: checkpoint: invalid signature/],
    ['tile/entries/000', 2700, /^FAILED: entries have root/],
    ['tile/entries/001.p/1', 1, /^FAILED: tile\/entries\/001.p\/1: (ends|holds)/],
    ['tile/0/000', 8191, /^FAILED: tile\/0\/000 holds other hashes/],
    ['tile/0/001.p/1', 0, /^FAILED: tile\/0\/001.p\/1 holds other hashes/],
    ['tile/1/000.p/1', 31, /^FAILED: tile\/1\/000.p\/1 holds other hashes/],
  ] as const) {
    test(`refuses the log with byte ${at} of ${path} altered`, async () => {
      const copy = await copyOf(257)
      const file = join(copy.directory, path)
      const bytes = await readFile(file)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      await writeFile(file, bytes)
      assert.match(foreign.log(copy.directory, copy.vkeys[0] ?? ''), why)
    })
  }

  test('refuses a log with a file that no tree of its size has', async () => {
    const copy = await copyOf(257)
    await writeFile(join(copy.directory, 'tile/0/001.p/9'), new Uint8Array(288))
    assert.match(foreign.log(copy.directory, copy.vkeys[0] ?? ''), /001.p\/9: is beyond the size/)
  })

  test('refuses the key of another log', () => {
    const [theirs = ''] = logOf(1).vkeys
    assert.match(foreign.log(logOf(257).directory, theirs), /^FAILED: checkpoint:/)
  })

  function logOf(size: number): WrittenLog {
    return logs.get(size) ?? assert.fail()
  }

  async function copyOf(size: number): Promise<WrittenLog> {
    const { directory: log, vkeys } = logOf(size)
    const copy = await mkdtemp(join(directory, 'altered-'))
    await cp(log, copy, { recursive: true })
    return { directory: copy, vkeys }
  }

  async function writeProof(log: string, at: number): Promise<{ file: string; leaf: string }> {
    const checkpoint = await readFile(join(log, 'checkpoint'), 'utf8')
    const { size } = parseCheckpoint(parseNote(checkpoint).text)
    const readTile = (path: string) => readFile(join(log, path))
    const index = leafIndex(at)
    const reader = tileHashReader({ sha256, size, readTile })
    const hashes = await inclusionProof(sha256, { index, size }, reader)
    const proof = formatTlogProof({ index, hashes, checkpoint })
    const [file, leaf] = [join(directory, 'proof.tlog-proof'), join(directory, 'leaf')]
    await writeFile(file, proof)
    await writeFile(leaf, entryAt(at))
    return { file, leaf }
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { everyAlgorithm } from '../test/algorithms.ts'
import { memoryLog } from '../test/memory-log.ts'
import { NaiveTree } from '../test/naive-tree.ts'
import reference from '../test/vectors/rfc6962-tree.json' with { type: 'json' }
import synthetic from '../test/vectors/synthetic-log.json' with { type: 'json' }
import {
  CompactRange,
  ENTRY_BYTES_MAX,
  emptyRoot,
  type Hash,
  hashLeaf,
  hashNode,
  type Sha256,
  TlogError,
  treeSize,
} from './index.ts'

const leaves = reference.leaves.map((leaf) => Buffer.from(leaf, 'hex'))

for (const { name, sha256 } of everyAlgorithm) {
  test(`${name}: hashes are those of the reference`, () => {
    const { empty, leaves: known, node } = reference.hashes
    assert.equal(hex(emptyRoot(sha256)), empty)
    for (const [text = '', want] of known) {
      assert.equal(hex(hashLeaf(sha256, Buffer.from(text))), want)
    }
    const [left, right] = [Buffer.from(node.left), Buffer.from(node.right)]
    assert.throws(() => hashNode(sha256, left, right), codeIs('TLOG_HASH_LENGTH'))
    assert.equal(hex(sha256.digest(Buffer.concat([Uint8Array.of(1), left, right]))), node.hash)
  })

  test(`${name}: the reference tree has the reference roots`, () => {
    const range = new CompactRange(sha256)
    assert.equal(hex(range.root()), reference.hashes.empty)
    for (const [at, leaf] of leaves.entries()) {
      range.append(hashLeaf(sha256, leaf))
      assert.equal(hex(range.root()), reference.roots[at])
    }
  })

  test(`${name}: roots and emitted nodes equal the naive tree's for every size to 600`, () => {
    const entries = Array.from({ length: 600 }, (_, at) => Buffer.from(`naive ${at}`))
    const naive = new NaiveTree(entries)
    const range = new CompactRange(sha256)
    for (const [at, entry] of entries.entries()) {
      range.append(hashLeaf(sha256, entry), (level, index, hash) => {
        assert.equal(hex(hash), naive.mth(index * 2 ** level, (index + 1) * 2 ** level))
      })
      assert.equal(hex(range.root()), naive.mth(0, at + 1))
      assert.equal(range.size, at + 1)
    }
  })

  test(`${name}: a range goes on from its state exactly where it stopped`, () => {
    const hashes = Array.from({ length: 300 }, (_, at) => hashLeaf(sha256, Buffer.from(`${at}`)))
    const whole = rangeOf(sha256, hashes)
    for (let cut = 0; cut <= 300; cut += 1) {
      const before = rangeOf(sha256, hashes.slice(0, cut))
      const after = new CompactRange(sha256, { size: before.size, hashes: before.hashes() })
      for (const hash of hashes.slice(cut)) after.append(hash)
      assert.deepEqual(after.root(), whole.root())
      assert.deepEqual(after.hashes(), whole.hashes())
    }
  })
}

const { sha256 } = everyAlgorithm[0] ?? assert.fail()

test('every node is emitted once, as soon as it is full, in rising levels', () => {
  const emitted: string[] = []
  const range = new CompactRange(sha256)
  const leaf = hashLeaf(sha256, Buffer.from('x'))
  for (let at = 0; at < 8; at += 1) {
    range.append(leaf, (level, index) => emitted.push(`${level}/${index}`))
  }
  const want = '0/0 0/1 1/0 0/2 0/3 1/1 2/0 0/4 0/5 1/2 0/6 0/7 1/3 2/1 3/0'
  assert.equal(emitted.join(' '), want)
})

test('the synthetic log has the roots, the tile and the bundle that Go computed', () => {
  const range = new CompactRange(sha256)
  const sizes = new Map(Object.entries(synthetic.roots))
  for (let at = 0; at < 70_000; at += 1) {
    range.append(hashLeaf(sha256, Buffer.from(`entry-${at}`)))
    const want = sizes.get(`${at + 1}`)
    if (want !== undefined) assert.equal(hex(range.root()), want)
  }
  const entries = Array.from({ length: 256 }, (_, at) => Buffer.from(`entry-${at}`))
  const { files } = memoryLog(sha256, entries)
  const bundle = files.get('tile/entries/000') ?? assert.fail()
  assert.equal(bundle.length, synthetic.fullBundleBytes)
  assert.equal(hex(sha256.digest(bundle)), synthetic.fullBundleSha256)
  assert.equal(
    hex(sha256.digest(files.get('tile/0/000') ?? assert.fail())),
    synthetic.fullTileSha256,
  )
})

test('100,000 appends have the pinned roots', () => {
  const roots = Buffer.alloc(100_000 * 32)
  const range = new CompactRange(sha256)
  let leaf: Hash = sha256.digest(Buffer.from('countersign/tlog pinned'))
  for (let at = 0; at < 100_000; at += 1) {
    leaf = sha256.digest(leaf)
    range.append(leaf)
    roots.set(range.root(), at * 32)
  }
  // Computed once by a separate program (Python, hashlib) that knows only RFC 6962.
  assert.equal(
    hex(sha256.digest(roots)),
    '5f7904e2ab0c133d52d1f710848daab5cd93fac6bca455dff31247dddf98b5a3',
  )
})

test('an emit that throws leaves the range as it was', () => {
  const range = rangeOf(sha256, Array<Hash>(3).fill(new Uint8Array(32)))
  const root = range.root()
  const refuse = (): void => assert.fail('no room')
  assert.throws(() => range.append(new Uint8Array(32), refuse), /no room/)
  assert.equal(range.size, 3)
  assert.deepEqual(range.root(), root)
})

test('what is too long, too short or too many is refused', () => {
  const largest = new Uint8Array(ENTRY_BYTES_MAX)
  assert.equal(hashLeaf(sha256, largest).length, 32)
  const larger = new Uint8Array(ENTRY_BYTES_MAX + 1)
  assert.throws(() => hashLeaf(sha256, larger), codeIs('TLOG_ENTRY_TOO_LARGE'))
  const range = new CompactRange(sha256)
  assert.throws(() => range.append(new Uint8Array(31)), codeIs('TLOG_HASH_LENGTH'))
  assert.throws(() => range.appendFrom(new Uint8Array(64), 33), codeIs('TLOG_HASH_LENGTH'))
  assert.equal(range.size, 0)
  const tooFew = { size: treeSize(3), hashes: [new Uint8Array(32)] }
  assert.throws(() => new CompactRange(sha256, tooFew), codeIs('TLOG_RANGE_HASHES'))
  const short = { size: treeSize(1), hashes: [new Uint8Array(33)] }
  assert.throws(() => new CompactRange(sha256, short), codeIs('TLOG_HASH_LENGTH'))
})

test('a range works up to the largest safe size and not beyond', () => {
  const size = treeSize(Number.MAX_SAFE_INTEGER - 1)
  const hashes = Array<Hash>(52).fill(new Uint8Array(32))
  const range = new CompactRange(sha256, { size, hashes })
  range.append(new Uint8Array(32))
  assert.equal(range.size, Number.MAX_SAFE_INTEGER)
  assert.equal(range.hashes().length, 53)
  assert.throws(() => range.append(new Uint8Array(32)), codeIs('TLOG_NUMBER_RANGE'))
})

function rangeOf(sha: Sha256, hashes: readonly Hash[]): CompactRange {
  const range = new CompactRange(sha)
  for (const hash of hashes) range.append(hash)
  return range
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function codeIs(code: string): (error: unknown) => boolean {
  return (error) => error instanceof TlogError && error.code === code
}

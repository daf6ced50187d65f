import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { everyAlgorithm } from '../test/algorithms.ts'
import { memoryLog } from '../test/memory-log.ts'
import { NaiveTree } from '../test/naive-tree.ts'
import reference from '../test/vectors/rfc6962-tree.json' with { type: 'json' }
import tessera from '../test/vectors/tessera-log.json' with { type: 'json' }
import witnessed from '../test/vectors/witness-conversation.json' with { type: 'json' }
import {
  type ConsistencyClaim,
  consistencyProof,
  type HashReader,
  hashLeaf,
  type InclusionClaim,
  inclusionProof,
  leafIndex,
  type Sha256,
  TlogError,
  tileHashReader,
  treeSize,
  verifyConsistency,
  verifyInclusion,
} from './index.ts'

const { sha256 } = everyAlgorithm[0] ?? assert.fail()

for (const { name, sha256 } of everyAlgorithm) {
  const leaves = reference.leaves.map((leaf) => Buffer.from(leaf, 'hex'))

  for (const { index, size, proof } of reference.inclusion) {
    test(`${name}: the proof of leaf ${index} in ${size} is made and verifies`, async () => {
      const of = { index: leafIndex(index), size: treeSize(size) }
      const made = await inclusionProof(sha256, of, naiveReader(new NaiveTree(leaves)))
      assert.deepEqual(made.map(hex), proof)
      const leafHash = hashLeaf(sha256, leaves[index] ?? assert.fail())
      verifyInclusion(sha256, { ...of, leafHash, proof: made, root: rootOf(size) })
    })
  }

  for (const { from, to, proof } of reference.consistency) {
    test(`${name}: the reference proof from ${from} to ${to} is made and verifies`, async () => {
      const between = { from: treeSize(from), to: treeSize(to) }
      const made = await consistencyProof(sha256, between, naiveReader(new NaiveTree(leaves)))
      assert.deepEqual(made.map(hex), proof)
      const roots = { fromRoot: rootOf(from), toRoot: rootOf(to) }
      verifyConsistency(sha256, { ...between, ...roots, proof: made })
    })
  }

  test(`${name}: a witness's proofs between foreign checkpoints verify`, () => {
    for (const { from, to, proof } of witnessed.consistency) {
      const claim = {
        from: treeSize(from),
        to: treeSize(to),
        fromRoot: base64(witnessed.checkpoints.find(({ size }) => size === from)?.root ?? ''),
        toRoot: base64(witnessed.checkpoints.find(({ size }) => size === to)?.root ?? ''),
        proof: proof.map(base64),
      }
      verifyConsistency(sha256, claim)
      assert.throws(() => verifyConsistency(sha256, { ...claim, proof: [] }), TlogError)
    }
    verifyConsistency(sha256, {
      from: treeSize(6),
      to: treeSize(15),
      fromRoot: base64(tessera.roots[6] ?? ''),
      toRoot: base64(tessera.roots[15] ?? ''),
      proof: tessera.consistency6To15.map(base64),
    })
  })

  test(`${name}: proofs in random larger trees equal the naive ones and verify`, async () => {
    const entries = Array.from({ length: 3000 }, (_, at) => Buffer.from(`random ${at}`))
    const naive = new NaiveTree(entries)
    const sizes = fc.tuple(fc.nat(2999), fc.integer({ min: 1, max: 3000 }))
    const property = fc.asyncProperty(sizes, async ([one, other]) => {
      const size = Math.max(one + 1, other)
      await checkInclusion(sha256, naive, naiveReader(naive), one, size)
      await checkConsistency(sha256, naive, naiveReader(naive), Math.min(one, size), size)
    })
    await fc.assert(property, { numRuns: 300 })
  })
}

test('proofs from tiles equal the naive ones for every size to 600', async () => {
  const entries = Array.from({ length: 600 }, (_, at) => Buffer.from(`naive ${at}`))
  const naive = new NaiveTree(entries)
  const everySize = Array.from({ length: 600 }, (_, at) => at + 1)
  const { files } = memoryLog(sha256, entries, everySize)
  for (const size of everySize) {
    const readTile = (path: string) => Promise.resolve(files.get(path))
    const reader = tileHashReader({ sha256, size: treeSize(size), readTile })
    for (const at of [0, 1, size >> 1, size - 2, size - 1, (size * 7919) % size, 255, 256, 511]) {
      if (at >= 0 && at < size) await checkInclusion(sha256, naive, reader, at, size)
      if (at >= 0 && at <= size) await checkConsistency(sha256, naive, reader, at, size)
    }
  }
})

test('every leaf and every pair of sizes to 130 has a proof that verifies', async () => {
  const naive = new NaiveTree(Array.from({ length: 130 }, (_, at) => Buffer.from(`all ${at}`)))
  for (let size = 0; size <= 130; size += 1) {
    for (let at = 0; at <= size; at += 1) {
      if (at < size) await checkInclusion(sha256, naive, naiveReader(naive), at, size)
      await checkConsistency(sha256, naive, naiveReader(naive), at, size)
    }
  }
})

test('no inclusion proof verifies when any part of the claim is altered', async () => {
  const naive = new NaiveTree(Array.from({ length: 70 }, (_, at) => Buffer.from(`bad ${at}`)))
  for (const size of [1, 2, 3, 7, 8, 9, 33, 64, 70]) {
    for (let at = 0; at < size; at += 1) {
      const claim = await inclusionClaim(sha256, naive, naiveReader(naive), at, size)
      for (const [how, altered] of inclusionForgeries(claim)) {
        assert.throws(() => verifyInclusion(sha256, altered), TlogError, `${at} of ${size}: ${how}`)
      }
    }
  }
})

test('no consistency proof verifies when any part of the claim is altered', async () => {
  const naive = new NaiveTree(Array.from({ length: 70 }, (_, at) => Buffer.from(`bad ${at}`)))
  for (const to of [1, 2, 3, 7, 8, 9, 33, 64, 70]) {
    for (let from = 1; from < to; from += 1) {
      const claim = await consistencyClaim(sha256, naive, naiveReader(naive), from, to)
      for (const [how, altered] of consistencyForgeries(claim)) {
        assert.throws(() => verifyConsistency(sha256, altered), TlogError, `${from}-${to}: ${how}`)
      }
    }
  }
})

for (const [what, code, run] of [
  ['an index at the size', 'TLOG_PROOF_RANGE', () => inclusion({ index: 8, size: 8 })],
  ['an index in the empty tree', 'TLOG_PROOF_RANGE', () => inclusion({ index: 0, size: 0 })],
  ['an index below zero', 'TLOG_NUMBER_RANGE', () => inclusion({ index: -1, size: 8 })],
  ['half an index', 'TLOG_NUMBER_RANGE', () => inclusion({ index: 0.5, size: 8 })],
  ['a size beyond 2^53', 'TLOG_NUMBER_RANGE', () => inclusion({ index: 1, size: 2 ** 53 })],
  ['a shrinking tree', 'TLOG_PROOF_RANGE', () => consistency({ from: 5, to: 4 })],
  ['hashes after the empty tree', 'TLOG_PROOF_LENGTH', () => consistency({ from: 0, hashes: 1 })],
  ['a root of the empty tree that is not its', 'TLOG_PROOF_ROOT', () => consistency({ from: 0 })],
  ['two roots for one size', 'TLOG_PROOF_ROOT', () => consistency({ from: 4, to: 4 })],
  ['no hashes', 'TLOG_PROOF_LENGTH', () => consistency({ from: 3, to: 4 })],
  ['64 hashes', 'TLOG_PROOF_LENGTH', () => consistency({ from: 3, to: 4, hashes: 64 })],
] as const) {
  test(`${what}: ${code}`, () => {
    assert.throws(run, (error) => error instanceof TlogError && error.code === code)
  })
}

function inclusion({ index, size }: { index: number; size: number }): void {
  const [leafHash, root] = [new Uint8Array(32), new Uint8Array(32)]
  const of = { index, size } as unknown as InclusionClaim
  verifyInclusion(sha256, { ...of, leafHash, proof: [], root })
}

function consistency(of: { from: number; to?: number; hashes?: number }): void {
  const { from, to = 8, hashes = 0 } = of
  const empty = Buffer.from(reference.hashes.empty, 'hex')
  verifyConsistency(sha256, {
    from: treeSize(from),
    to: treeSize(to),
    fromRoot: hashes > 0 && from === 0 ? empty : new Uint8Array(32),
    toRoot: new Uint8Array(32).fill(1),
    proof: Array<Uint8Array>(hashes).fill(new Uint8Array(32)),
  })
}

/** The families of published forgeries: transparency-dev/merkle, proof/verify_test.go. */
function inclusionForgeries(claim: InclusionClaim): [string, InclusionClaim][] {
  const { index, size, leafHash, root, proof } = claim
  const forgeries: [string, InclusionClaim][] = [
    ['index + 1', { ...claim, index: leafIndex(index + 1) }],
    ['index ^ 2', { ...claim, index: leafIndex(index ^ 2) }],
    ['size doubled', { ...claim, size: treeSize(size * 2) }],
    ['size halved', { ...claim, size: treeSize(size >> 1) }],
    ['leaf hash and root swapped', { ...claim, leafHash: root, root: flipped(leafHash) }],
    ['another leaf hash', { ...claim, leafHash: flipped(leafHash) }],
    ['another root', { ...claim, root: flipped(root) }],
    ...proofForgeries(proof, [root, leafHash]).map(([how, altered]): [string, InclusionClaim] => [
      how,
      { ...claim, proof: altered },
    ]),
  ]
  return index === 0 ? forgeries : [...forgeries, ['index - 1', minusOne(claim)]]
}

function minusOne(claim: InclusionClaim): InclusionClaim {
  return { ...claim, index: leafIndex(claim.index - 1) }
}

function consistencyForgeries(claim: ConsistencyClaim): [string, ConsistencyClaim][] {
  const { from, to, fromRoot, toRoot, proof } = claim
  return [
    ['from - 1', { ...claim, from: treeSize(from - 1) }],
    ['from + 1', { ...claim, from: treeSize(from + 1) }],
    ['to doubled', { ...claim, to: treeSize(to * 2) }],
    ['to halved', { ...claim, to: treeSize(to >> 1) }],
    ['roots swapped', { ...claim, fromRoot: toRoot, toRoot: fromRoot }],
    ['another old root', { ...claim, fromRoot: flipped(fromRoot) }],
    ['another new root', { ...claim, toRoot: flipped(toRoot) }],
    ...proofForgeries(proof, [fromRoot, toRoot]).map(
      ([how, altered]): [string, ConsistencyClaim] => [how, { ...claim, proof: altered }],
    ),
  ]
}

function proofForgeries(
  proof: readonly Uint8Array[],
  roots: readonly Uint8Array[],
): [string, readonly Uint8Array[]][] {
  const strangers = [Buffer.alloc(32), ...roots, ...proof.slice(0, 1)]
  return [
    ...strangers.flatMap((hash, at): [string, readonly Uint8Array[]][] => [
      [`stranger ${at} before`, [hash, ...proof]],
      [`stranger ${at} after`, [...proof, hash]],
    ]),
    ...proof.map((hash, at): [string, readonly Uint8Array[]] => [
      `bit flipped in hash ${at}`,
      proof.with(at, flipped(hash)),
    ]),
    ...proof.map((_, at): [string, readonly Uint8Array[]] => [
      `without hash ${at}`,
      proof.toSpliced(at, 1),
    ]),
  ]
}

async function checkInclusion(
  sha: Sha256,
  naive: NaiveTree,
  reader: HashReader,
  index: number,
  size: number,
): Promise<void> {
  const claim = await inclusionClaim(sha, naive, reader, index, size)
  assert.deepEqual(claim.proof.map(hex), naive.path(index, 0, size))
  verifyInclusion(sha, claim)
}

async function checkConsistency(
  sha: Sha256,
  naive: NaiveTree,
  reader: HashReader,
  from: number,
  to: number,
): Promise<void> {
  const claim = await consistencyClaim(sha, naive, reader, from, to)
  assert.deepEqual(claim.proof.map(hex), from === 0 ? [] : naive.subproof(from, 0, to, true))
  verifyConsistency(sha, claim)
}

async function inclusionClaim(
  sha: Sha256,
  naive: NaiveTree,
  reader: HashReader,
  index: number,
  size: number,
): Promise<InclusionClaim> {
  const of = { index: leafIndex(index), size: treeSize(size) }
  const proof = await inclusionProof(sha, of, reader)
  const [leafHash, root] = [unhex(naive.mth(index, index + 1)), unhex(naive.mth(0, size))]
  return { ...of, leafHash, proof, root }
}

async function consistencyClaim(
  sha: Sha256,
  naive: NaiveTree,
  reader: HashReader,
  from: number,
  to: number,
): Promise<ConsistencyClaim> {
  const between = { from: treeSize(from), to: treeSize(to) }
  const proof = await consistencyProof(sha, between, reader)
  const [fromRoot, toRoot] = [unhex(naive.mth(0, from)), unhex(naive.mth(0, to))]
  return { ...between, fromRoot, toRoot, proof }
}

function naiveReader(naive: NaiveTree): HashReader {
  const read = (level: number, index: number) =>
    unhex(naive.mth(index * 2 ** level, (index + 1) * 2 ** level))
  return { read: (nodes) => Promise.resolve(nodes.map(({ level, index }) => read(level, index))) }
}

function rootOf(size: number): Uint8Array {
  return unhex(reference.roots[size - 1] ?? '')
}

function flipped(hash: Uint8Array): Uint8Array {
  return hash.with(13, (hash[13] ?? 0) ^ 0x10)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function unhex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}

function base64(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}

import { TlogError } from './error.ts'
import { assertHash, emptyRoot, equalHashes, type Hash, hashNode, type Sha256 } from './hash.ts'
import { type LeafIndex, leafIndex, type TreeSize, treeSize } from './numbers.ts'

/** The most hashes in a proof: one for each level of the largest tree that the formats allow. */
export const PROOF_HASHES_MAX = 63

/** The root of the full subtree over leaves `index * 2^level` … `(index + 1) * 2^level - 1`. */
export interface TreeNode {
  readonly level: number
  readonly index: number
}

/** Where the maker of a proof finds the hashes of full subtrees. */
export interface HashReader {
  /** Returns the hashes of `nodes`, in their order. */
  read(nodes: readonly TreeNode[]): Promise<readonly Hash[]>
}

/** A claim that a leaf stands at an index of a tree. */
export interface InclusionClaim {
  readonly index: LeafIndex
  readonly size: TreeSize
  /** Computed from the entry's bytes by who verifies, never taken from who proves. */
  readonly leafHash: Hash
  /** From the leaf's sibling up to the root's child. */
  readonly proof: readonly Hash[]
  /** From a checkpoint whose signatures were verified. */
  readonly root: Hash
}

/** A claim that a tree begins with all of an older one. */
export interface ConsistencyClaim {
  readonly from: TreeSize
  readonly to: TreeSize
  readonly fromRoot: Hash
  readonly toRoot: Hash
  readonly proof: readonly Hash[]
}

/**
 * Makes the proof that the leaf at `index` is in the tree of `size`.
 *
 * @returns  hashes from the leaf's sibling up to the root's child; none in a tree of one leaf
 * @throws TlogError TLOG_PROOF_RANGE unless index < size; whatever the reader throws
 * @see RFC 6962, section 2.1.1
 */
export async function inclusionProof(
  sha256: Sha256,
  of: { readonly index: LeafIndex; readonly size: TreeSize },
  reader: HashReader,
): Promise<readonly Hash[]> {
  assertWithin(of)
  return readRanges(sha256, inclusionRanges(of.index, { start: 0, end: of.size }), reader)
}

/**
 * Makes the proof that the tree of size `to` begins with all of the tree of size `from`.
 *
 * @returns  hashes in the order of RFC 6962; none from size 0 or between equal sizes
 * @throws TlogError TLOG_PROOF_RANGE unless from <= to; whatever the reader throws
 * @see RFC 6962, section 2.1.2
 */
export async function consistencyProof(
  sha256: Sha256,
  between: { readonly from: TreeSize; readonly to: TreeSize },
  reader: HashReader,
): Promise<readonly Hash[]> {
  assertGrowth(between)
  const { from, to } = between
  if (from === 0) return []
  return readRanges(sha256, consistencyRanges(from, { start: 0, end: to }, true), reader)
}

/**
 * Verifies that the leaf stands at this index of the tree with this root; returns when it does.
 *
 * @throws TlogError TLOG_PROOF_RANGE, TLOG_PROOF_LENGTH, TLOG_PROOF_ROOT, TLOG_HASH_LENGTH
 * @see RFC 9162, section 2.1.3.2
 */
export function verifyInclusion(sha256: Sha256, claim: InclusionClaim): void {
  assertWithin(claim)
  assertHashes(claim.proof, claim.leafHash, claim.root)
  const path = new Path(claim.index, claim.size - 1)
  let root = claim.leafHash
  for (const hash of claim.proof) {
    const side = path.climb()
    root = side === 'left' ? hashNode(sha256, hash, root) : hashNode(sha256, root, hash)
  }
  path.assertAtRoot()
  assertRoot(root, claim.root)
}

/**
 * Verifies that the tree with `toRoot` begins with all of the tree with `fromRoot`; returns when
 * it does. Every tree begins with the empty one, so from size 0 the proof is empty.
 *
 * @throws TlogError TLOG_PROOF_RANGE, TLOG_PROOF_LENGTH, TLOG_PROOF_ROOT, TLOG_HASH_LENGTH
 * @see RFC 9162, section 2.1.4.2
 */
export function verifyConsistency(sha256: Sha256, claim: ConsistencyClaim): void {
  assertGrowth(claim)
  const { from, to, fromRoot, toRoot, proof } = claim
  assertHashes(proof, fromRoot, toRoot)
  if (from === 0) assertRoot(emptyRoot(sha256), fromRoot)
  if (from === to) assertRoot(fromRoot, toRoot)
  if (from === 0 || from === to) {
    assertEmpty(proof)
    return
  }
  const path = new Path(from - 1, to - 1)
  path.climbToLeft()
  // Where the old tree is full, its root is where both climbs begin and the proof leaves it out.
  const [first, ...rest] = path.isLeftmost() ? [fromRoot, ...proof] : proof
  if (first === undefined) throw wrongLength('is empty')
  let oldRoot = first
  let newRoot = first
  for (const hash of rest) {
    if (path.climb() === 'left') {
      oldRoot = hashNode(sha256, hash, oldRoot)
      newRoot = hashNode(sha256, hash, newRoot)
    } else {
      newRoot = hashNode(sha256, newRoot, hash)
    }
  }
  path.assertAtRoot()
  assertRoot(oldRoot, fromRoot)
  assertRoot(newRoot, toRoot)
}

/** The way from a node up to the root, in a tree whose last node on the same level is `#last`. */
class Path {
  #node: number
  #last: number

  constructor(node: number, last: number) {
    this.#node = node
    this.#last = last
  }

  /** Goes up to the next node that has a sibling, and says on which side the sibling stood. */
  climb(): 'left' | 'right' {
    if (this.#last === 0) throw wrongLength('goes on above the root')
    const isRight = this.#node % 2 === 1
    const isLast = this.#node === this.#last
    if (isLast && !isRight) while (this.#node % 2 === 0) this.#up()
    this.#up()
    return isRight || isLast ? 'left' : 'right'
  }

  /** Goes up for as long as the node is a right child. */
  climbToLeft(): void {
    while (this.#node % 2 === 1) this.#up()
  }

  isLeftmost(): boolean {
    return this.#node === 0
  }

  assertAtRoot(): void {
    if (this.#last !== 0) throw wrongLength('ends below the root')
  }

  #up(): void {
    this.#node = Math.floor(this.#node / 2)
    this.#last = Math.floor(this.#last / 2)
  }
}

/** Leaves `start` … `end - 1`; its hash is RFC 6962's MTH over them. */
interface LeafRange {
  readonly start: number
  readonly end: number
}

function inclusionRanges(index: number, range: LeafRange): LeafRange[] {
  if (range.end - range.start === 1) return []
  const { left, right } = childrenOf(range)
  if (index < right.start) return [...inclusionRanges(index, left), right]
  return [...inclusionRanges(index, right), left]
}

/** `known`: the range is all of the old tree, whose root the verifier has. */
function consistencyRanges(from: number, range: LeafRange, known: boolean): LeafRange[] {
  if (from === range.end) return known ? [] : [range]
  const { left, right } = childrenOf(range)
  if (from <= left.end) return [...consistencyRanges(from, left, known), right]
  return [...consistencyRanges(from, right, false), left]
}

async function readRanges(
  sha256: Sha256,
  ranges: readonly LeafRange[],
  reader: HashReader,
): Promise<readonly Hash[]> {
  const nodes = ranges.map(fullSubtrees)
  const hashes = [...(await reader.read(nodes.flat()))].values()
  return nodes.map(({ length }) =>
    Array.from({ length }, () => nextOf(hashes)).reduceRight((right, left) =>
      hashNode(sha256, left, right),
    ),
  )
}

/** The full subtrees that make up a range, the oldest (and largest) first. */
function fullSubtrees({ start, end }: LeafRange): TreeNode[] {
  const nodes: TreeNode[] = []
  let at = start
  while (at < end) {
    let level = 0
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= end) level += 1
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

/** The left child of a node covers the largest power of two below what the node covers. */
function childrenOf({ start, end }: LeafRange): { left: LeafRange; right: LeafRange } {
  let width = 1
  while (width * 2 < end - start) width *= 2
  const middle = start + width
  return { left: { start, end: middle }, right: { start: middle, end } }
}

function nextOf(hashes: Iterator<Hash>): Hash {
  const next = hashes.next()
  if (next.done === true) throw wrongLength('cannot be made: the reader returned too few hashes')
  assertHash(next.value)
  return next.value
}

function assertWithin(of: { readonly index: LeafIndex; readonly size: TreeSize }): void {
  if (leafIndex(of.index) < treeSize(of.size)) return
  throw new TlogError('TLOG_PROOF_RANGE', `index ${of.index} is not in a tree of size ${of.size}`)
}

function assertGrowth({ from, to }: { readonly from: TreeSize; readonly to: TreeSize }): void {
  if (treeSize(from) <= treeSize(to)) return
  throw new TlogError('TLOG_PROOF_RANGE', `size ${from} is not before size ${to}`)
}

function assertHashes(proof: readonly Hash[], ...others: readonly Hash[]): void {
  if (proof.length > PROOF_HASHES_MAX) throw wrongLength(`has ${proof.length} hashes`)
  for (const hash of [...proof, ...others]) assertHash(hash)
}

function assertEmpty(proof: readonly Hash[]): void {
  if (proof.length > 0) throw wrongLength(`has ${proof.length} hashes, none are needed`)
}

function assertRoot(computed: Hash, expected: Hash): void {
  if (equalHashes(computed, expected)) return
  throw new TlogError('TLOG_PROOF_ROOT', 'proof leads to another root')
}

function wrongLength(how: string): TlogError {
  return new TlogError('TLOG_PROOF_LENGTH', `proof ${how}`)
}

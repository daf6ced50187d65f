import { TlogError } from './error.ts'
import { assertHash, emptyRoot, HASH_BYTES, type Hash, type Sha256 } from './hash.ts'
import { type TreeSize, treeSize } from './numbers.ts'

/** Sizes are below 2^53, so no tree has more perfect subtrees on its right edge. */
const LEVELS_MAX = 53

/**
 * Is told each node of the tree as soon as its subtree is full: hash `index` of `level`, where
 * level 0 holds the leaf hashes. Levels 0, 8, 16 … are exactly what tiles store.
 *
 * `hash` is memory of the compact range and is overwritten when the call returns: copy it.
 */
export type EmitNode = (level: number, index: number, hash: Hash) => void

/** What a compact range can be rebuilt from: its size and its hashes, the largest subtree first. */
export interface CompactRangeState {
  readonly size: TreeSize
  readonly hashes: readonly Hash[]
}

/**
 * The right edge of a growing tree: the roots of its perfect subtrees, one for each bit that is
 * set in its size. It appends in amortised constant time, without allocating, and knows the root.
 */
export class CompactRange {
  readonly #sha256: Sha256
  readonly #edge: readonly Uint8Array[]
  /** 0x01 || left || right, the input of a node's hash; the output replaces its right half. */
  readonly #node = new Uint8Array(1 + 2 * HASH_BYTES).fill(1, 0, 1)
  readonly #right = this.#node.subarray(1 + HASH_BYTES)
  #size = 0

  /**
   * Starts with the empty tree, or goes on from an earlier state.
   *
   * @throws TlogError TLOG_RANGE_HASHES, TLOG_HASH_LENGTH, TLOG_NUMBER_RANGE
   */
  constructor(sha256: Sha256, from?: CompactRangeState) {
    this.#sha256 = sha256
    const edge = new Uint8Array(LEVELS_MAX * HASH_BYTES)
    this.#edge = Array.from({ length: LEVELS_MAX }, (_, level) =>
      edge.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES),
    )
    if (from !== undefined) this.#restore(from)
  }

  /** The number of leaves appended so far. */
  get size(): TreeSize {
    return this.#size as TreeSize
  }

  /**
   * Appends one leaf hash.
   *
   * @param leafHash  32 bytes from `hashLeaf`; read, never kept
   * @param emit      is told the leaf and each node that it completes, in rising levels
   * @throws TlogError TLOG_HASH_LENGTH, TLOG_NUMBER_RANGE
   */
  append(leafHash: Hash, emit?: EmitNode): void {
    assertHash(leafHash)
    this.appendFrom(leafHash, 0, emit)
  }

  /** As `append`, of a hash that stands at `start` among others: for who has no view of each. */
  appendFrom(hashes: Uint8Array, start: number, emit?: EmitNode): void {
    if (start < 0 || start + HASH_BYTES > hashes.length) {
      throw new TlogError('TLOG_HASH_LENGTH', `no hash at ${start} of ${hashes.length} bytes`)
    }
    const grown = treeSize(this.#size + 1)
    const right = this.#right
    for (let at = 0; at < HASH_BYTES; at += 1) right[at] = hashes[start + at] ?? 0
    let level = 0
    let index = this.#size
    emit?.(level, index, right)
    while (index % 2 === 1) {
      this.#mergeWith(level)
      index = (index - 1) / 2
      level += 1
      emit?.(level, index, right)
    }
    this.#edge[level]?.set(right)
    this.#size = grown
  }

  /** Returns the root of the tree so far, 32 bytes, freshly allocated. */
  root(): Hash {
    const [lowest, ...higher] = this.#levels()
    if (lowest === undefined) return emptyRoot(this.#sha256)
    this.#right.set(this.#edge[lowest] ?? [])
    for (const level of higher) this.#mergeWith(level)
    return this.#right.slice()
  }

  /** Returns copies of the roots of the perfect subtrees, the largest (oldest) first. */
  hashes(): readonly Hash[] {
    const hashes = this.#levels().flatMap((level) => this.#edge[level]?.slice() ?? [])
    return hashes.reverse()
  }

  /** Replaces the right half of the node by the hash of (edge at `level`, right half). */
  #mergeWith(level: number): void {
    const left = this.#edge[level]
    if (left !== undefined) this.#node.set(left, 1)
    this.#sha256.digestInto(this.#node, this.#node, 1 + HASH_BYTES)
  }

  /** The levels at which the right edge has a subtree: the bits set in the size, lowest first. */
  #levels(): number[] {
    const levels: number[] = []
    let rest: number = this.#size
    for (let level = 0; rest > 0; level += 1) {
      if (rest % 2 === 1) levels.push(level)
      rest = Math.floor(rest / 2)
    }
    return levels
  }

  #restore({ size, hashes }: CompactRangeState): void {
    this.#size = treeSize(size)
    const levels = this.#levels().reverse()
    if (levels.length !== hashes.length) {
      const message = `size ${size} has ${levels.length} subtrees, ${hashes.length} hashes given`
      throw new TlogError('TLOG_RANGE_HASHES', message)
    }
    for (const [at, hash] of hashes.entries()) {
      assertHash(hash)
      this.#edge[levels[at] ?? 0]?.set(hash)
    }
  }
}

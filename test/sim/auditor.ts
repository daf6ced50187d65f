import {
  bundlesBetween,
  CompactRange,
  consistencyProof,
  decodeBundle,
  entriesPath,
  equalHashes,
  type Hash,
  hashLeaf,
  inclusionProof,
  leafIndex,
  type NoteVerifier,
  openCheckpoint,
  type Sha256,
  TILE_WIDTH,
  type TreeSize,
  tileHashReader,
  tilePath,
  tilesBetween,
  treeSize,
  verifyConsistency,
  verifyInclusion,
} from '@countersign/tlog'
import {
  type Disk,
  diskErrorCode,
  type SeededRandom,
} from '../../packages/gateway/src/platform/index.ts'
import { hexOf, type Model, Violation, wasNotWritten } from './model.ts'

/** How many proofs of each sort one audit makes and verifies. */
const PROOFS_SAMPLED = 3

const ROW_BYTES = 104

export interface AuditorOptions {
  readonly sha256: Sha256
  readonly verifiers: readonly NoteVerifier[]
  /** The epoch's log directory. */
  readonly directory: string
  /** The file of checkpoint rows: size u64, root, Ed25519 signature. */
  readonly rows: string
}

/** The log as a stranger finds it, every byte hashed again. */
export interface AuditedLog {
  readonly size: TreeSize
  readonly root: Hash
  readonly leaves: readonly Uint8Array[]
}

/**
 * Checks what a stranger can check, with the log's files and its keys, against what clients and
 * readers were told. It shares no code with the ledger, only the mathematics of `tlog`.
 */
export class Auditor {
  readonly #options: AuditorOptions

  constructor(options: AuditorOptions) {
    this.#options = options
  }

  /** The published checkpoint, its signatures verified; undefined before the first. */
  async checkpoint(disk: Disk): Promise<{ size: TreeSize; root: Hash } | undefined> {
    const note = await readIfThere(disk, `${this.#options.directory}/checkpoint`)
    if (note === undefined) return undefined
    return openCheckpoint(note, { log: this.#options.verifiers }).checkpoint
  }

  /** Reads and re-hashes the whole log, and holds the model against it. */
  async audit(disk: Disk, model: Model, random: SeededRandom): Promise<AuditedLog> {
    const log = await this.#readLog(disk, model)
    checkEntries(log, model)
    await this.#checkRows(disk, log)
    await this.#checkProofs(disk, log, model, random)
    return log
  }

  async #readLog(disk: Disk, model: Model): Promise<AuditedLog> {
    const published = await this.checkpoint(disk)
    if (published === undefined) throw new Error('no checkpoint is published')
    const { sha256 } = this.#options
    const leaves = await this.#readBundles(disk, published.size)
    const nodes = new Map<string, Hash>()
    const range = new CompactRange(sha256)
    checkShown(model, range)
    for (const leaf of leaves) {
      range.append(hashLeaf(sha256, leaf), (level, index, hash) => {
        if (level % 8 === 0) nodes.set(`${level / 8}/${index}`, hash.slice())
      })
      checkShown(model, range)
    }
    if (!equalHashes(range.root(), published.root)) {
      throw new Error(`root of checkpoint ${published.size} is not the root of its entries`)
    }
    const lost = [...model.shown.keys()].find((size) => size > published.size)
    if (lost !== undefined) {
      const what = `checkpoint ${lost} was shown, now the log ends at ${published.size}`
      throw new Violation('every checkpoint extends every earlier one', what)
    }
    await this.#checkTiles(disk, published.size, nodes)
    return { ...published, leaves }
  }

  /** Every row beside the log: sizes rise, and each root is the tree's at that size. */
  async #checkRows(disk: Disk, log: AuditedLog): Promise<void> {
    const bytes = (await readIfThere(disk, this.#options.rows)) ?? new Uint8Array(0)
    const roots = new Map<number, string>()
    const range = new CompactRange(this.#options.sha256)
    roots.set(0, hexOf(range.root()))
    for (const leaf of log.leaves) {
      range.append(hashLeaf(this.#options.sha256, leaf))
      roots.set(range.size, hexOf(range.root()))
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let before = -1
    for (let at = 0; at + ROW_BYTES <= bytes.length; at += ROW_BYTES) {
      const size = Number(view.getBigUint64(at))
      if (size <= before) throw new Error(`checkpoint row of ${size} follows that of ${before}`)
      before = size
      // The newest row is written before its checkpoint is shown.
      if (size > log.size && at + 2 * ROW_BYTES > bytes.length) continue
      if (roots.get(size) === hexOf(bytes.subarray(at + 8, at + 40))) continue
      throw new Error(`checkpoint row of ${size} has another root`)
    }
  }

  async #readBundles(disk: Disk, size: TreeSize): Promise<readonly Uint8Array[]> {
    const leaves: Uint8Array[] = []
    for (const { index, width } of bundlesBetween(treeSize(0), size)) {
      const exact = await this.#read(disk, entriesPath({ index, width }))
      const bytes = exact ?? (await this.#read(disk, entriesPath({ index })))
      if (bytes === undefined) throw new Error(`${entriesPath({ index, width })} is missing`)
      const held = exact === undefined ? TILE_WIDTH : width
      leaves.push(...decodeBundle(bytes, held).slice(0, width))
    }
    return leaves
  }

  async #checkTiles(disk: Disk, size: TreeSize, nodes: ReadonlyMap<string, Hash>): Promise<void> {
    for (const tile of tilesBetween(treeSize(0), size)) {
      const exact = await this.#read(disk, tilePath(tile))
      const bytes = exact ?? (await this.#read(disk, tilePath({ ...tile, width: TILE_WIDTH })))
      if (bytes === undefined) throw new Error(`${tilePath(tile)} is missing`)
      for (let at = 0; at < tile.width; at++) {
        const node = nodes.get(`${tile.level}/${tile.index * TILE_WIDTH + at}`)
        const stored = bytes.subarray(at * 32, at * 32 + 32)
        if (node !== undefined && equalHashes(node, stored)) continue
        throw new Error(`${tilePath(tile)} does not hold hash ${at} of its entries`)
      }
    }
  }

  /** A few of each: that a proof can be made from the tiles, and that it holds. */
  async #checkProofs(disk: Disk, log: AuditedLog, model: Model, random: SeededRandom) {
    const { sha256 } = this.#options
    const readTile = (path: string) => this.#read(disk, path)
    const reader = tileHashReader({ sha256, size: log.size, readTile })
    for (let count = 0; count < PROOFS_SAMPLED && log.size > 0; count++) {
      const index = leafIndex(random.below(log.size))
      const proof = await inclusionProof(sha256, { index, size: log.size }, reader)
      const leafHash = hashLeaf(sha256, log.leaves[index] ?? new Uint8Array(0))
      verifyInclusion(sha256, { index, size: log.size, leafHash, proof, root: log.root })
    }
    const shown = [...model.shown]
    for (let count = 0; count < PROOFS_SAMPLED && shown.length > 0; count++) {
      const [size, fromRoot] = shown[random.below(shown.length)] ?? [0, new Uint8Array(0)]
      const [from, to] = [treeSize(size), log.size]
      const proof = await consistencyProof(sha256, { from, to }, reader)
      verifyConsistency(sha256, { from, to, fromRoot, toRoot: log.root, proof })
    }
  }

  #read(disk: Disk, path: string): Promise<Uint8Array | undefined> {
    return readIfThere(disk, `${this.#options.directory}/${path}`)
  }
}

function checkShown(model: Model, range: CompactRange): void {
  const root = model.shown.get(range.size)
  if (root === undefined || equalHashes(root, range.root())) return
  const what = `the log has another root at size ${range.size} than was shown`
  throw new Violation('every checkpoint extends every earlier one', what)
}

function checkEntries({ leaves }: AuditedLog, model: Model): void {
  const found = new Map<string, number>()
  for (const [index, leaf] of leaves.entries()) {
    const hex = hexOf(leaf)
    const before = found.get(hex)
    if (before !== undefined) {
      const what = `entries ${before} and ${index} are the same`
      throw new Violation('unacknowledged entries are whole or absent', what)
    }
    const attempt = model.attempts.get(hex)
    if (attempt === undefined || wasNotWritten(attempt)) {
      const what = `entry ${index} was ${attempt === undefined ? 'never appended' : 'refused'}`
      throw new Violation('unacknowledged entries are whole or absent', what)
    }
    found.set(hex, index)
  }
  for (const [index, attempt] of model.acknowledged.entries()) {
    if (attempt === undefined || found.get(attempt.leaf) === index) continue
    const there = found.get(attempt.leaf)
    const what = `entry ${index} is ${there === undefined ? 'lost' : `now at ${there}`}`
    throw new Violation('acknowledged entries are there, byte for byte', what)
  }
  const lost = new Set<string>()
  for (const { intent, receipt, promised } of model.asked.values()) {
    for (const record of [intent, promised]) {
      if (record === undefined || found.get(record.leaf) === record.index) continue
      if (model.risk.mayBeLost.has(record.leaf)) lost.add(record.leaf)
      else if (record === promised) {
        const what = `end ${record.index} is missing, and no window says so`
        throw new Violation('a crash takes no more than its window says', what)
      }
    }
    const isLost = intent !== undefined && lost.has(intent.leaf)
    if (intent !== undefined && !isLost && found.get(intent.leaf) !== intent.index) {
      const what = `intent ${intent.index} is missing`
      throw new Violation('nothing is forwarded without its intent', what)
    }
    if (receipt !== undefined && found.get(receipt.leaf) !== receipt.index) {
      const what = `end ${receipt.index} is missing`
      throw new Violation('nothing is released without its end', what)
    }
  }
  model.risk.lost = lost.size
  if (lost.size <= model.risk.lostMax) return
  const what = `${lost.size} are lost, of ${model.risk.lostMax}`
  throw new Violation('a crash takes no more than its window says', what)
}

async function readIfThere(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  try {
    return await disk.read(path)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return undefined
    throw error
  }
}

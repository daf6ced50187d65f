import { hash } from 'node:crypto'
import { type Disk, forEachAtOnce, type Random } from '../platform/index.ts'
import { BLOCK_ENTRIES, blockPath, FAMILIES, type Family, personsPath } from './block-path.ts'
import { BlockStore, type StoredBlock } from './block-store.ts'
import { VaultError } from './errors.ts'
import type { KeyRing } from './key-ring.ts'
import { joinPacks, splitPacks } from './pack.ts'
import { type PackForm, PackMaker, PackOpener } from './pack-maker.ts'
import { packedFrom } from './packed-from.ts'
import { isSameRecord, NO_RECORD_ID } from './packed-record.ts'
import { PackedRow, type RowSource } from './packed-row.ts'
import { keyRowAt, keyRowCount } from './payload.ts'
import { NOTHING_SEALED, PendingBlock, type SealedPart } from './pending-block.ts'
import { PendingPersons } from './pending-persons.ts'
import { holdsPersons } from './same-persons.ts'

/** Consecutive entries, durable in the write-ahead log; the packer keeps their memory. */
export interface PackBatch {
  readonly first: number
  readonly count: number
  /** Holds the payloads: of each entry two numbers, where its own begins and ends. */
  readonly bytes: Uint8Array
  readonly payloads: Int32Array
}

/** A file that will not change any more. */
export interface PackReport {
  readonly kind: Family | 'persons'
  /** The block's number, or the first entry of a `persons` file. */
  readonly block: number
  readonly sha256: Uint8Array
  readonly bytes: number
}

export interface BlockPackerOptions {
  readonly disk: Disk
  readonly random: Random
  readonly ring: KeyRing
  readonly origin: string
  /** `data/<epoch>`. */
  readonly epochDirectory: string
  /** PLAIN_BLOCKS_MIN unless a test asks for less. */
  readonly plainBlocksMin?: number
}

/** Blocks in memory as files at one time: while some are written the next one is packed. */
const BLOCKS_AT_ONCE_MAX = 2

/**
 * A settle that finishes so many blocks packs them plainly: who is busy has no time for columns,
 * and room enough to make up for it.
 */
const PLAIN_BLOCKS_MIN = 4

interface PackedFile {
  readonly block: PendingBlock
  readonly family: Family
  /** At least what was asked for. */
  readonly width: number
  readonly path: string
  readonly bytes: Uint8Array
  readonly packs: readonly Uint8Array[]
  /** Whole and confirmed by an earlier run. */
  readonly isStored: boolean
}

interface UnpackedFile {
  readonly block: PendingBlock
  readonly family: Family
  /** The entries of this family, by their offsets. */
  readonly offsets: readonly number[]
}

/** Rows of one pack. */
interface KeyGroup {
  readonly keyId: Uint8Array
  readonly offsets: number[]
}

/** What is read to look at it; whoever packs reads into a row of their own. */
const row = new PackedRow()

/**
 * Packs durable entries into encrypted blocks, one pack for each key. What it holds in memory is in
 * the write-ahead log too; a file is whole under its name or not there, and what one run sealed the
 * next run keeps byte for byte. So every call may be repeated after a crash.
 */
export class BlockPacker {
  readonly #ring: KeyRing
  readonly #maker: PackMaker
  readonly #opener: PackOpener
  readonly #store: BlockStore
  readonly #plainBlocksMin: number
  #blocks = new Map<number, PendingBlock>()
  #persons = new PendingPersons()
  #next: number | undefined
  #confirmed = 0
  #opaqueKeyId: Uint8Array = NO_RECORD_ID
  /** How the blocks that were finished last are packed: what is closed after them follows. */
  #form: PackForm = 'dense'

  constructor(options: BlockPackerOptions) {
    this.#ring = options.ring
    this.#plainBlocksMin = options.plainBlocksMin ?? PLAIN_BLOCKS_MIN
    this.#maker = new PackMaker(options)
    this.#opener = new PackOpener(options)
    this.#store = new BlockStore(options.disk, options.epochDirectory)
  }

  /** Forgets what is in memory; what the kept segments hold is added again. */
  async resume(size: number): Promise<void> {
    this.#blocks = new Map()
    this.#persons = new PendingPersons()
    this.#store.forget()
    this.#next = undefined
    this.#confirmed = size
    this.#form = 'dense'
    this.#opaqueKeyId = await this.#ring.opaqueKeyId()
  }

  add({ first, count, bytes, payloads }: PackBatch): void {
    if (this.#next !== undefined && first !== this.#next) {
      throw new VaultError('VAULT_ORDER', `entry ${first} was added, ${this.#next} is next`)
    }
    for (let at = 0; at < count; at++) {
      this.#addEntry(first + at, bytes, payloads[2 * at] ?? 0, payloads[2 * at + 1] ?? 0)
    }
    this.#next = first + count
  }

  /** Of the batches that were added it keeps nothing below this entry. */
  get keptFrom(): number {
    let from = this.#next ?? 0
    for (const block of this.#blocks.values()) from = Math.min(from, block.first + block.from)
    return from
  }

  /** When it resolves every full block below `size` is durable, its keys before it. */
  async settle(size: number): Promise<readonly PackReport[]> {
    await this.#ring.flush()
    const full = [...this.#blocks.values()].filter(
      (block) => block.first + BLOCK_ENTRIES <= Math.min(size, this.#next ?? 0),
    )
    if (full.length > 0) this.#form = full.length < this.#plainBlocksMin ? 'dense' : 'plain'
    const reports = new Map<PendingBlock, readonly PackReport[]>()
    await forEachAtOnce(full, BLOCKS_AT_ONCE_MAX, async (block) => {
      const files = await this.#writeBlock(block, BLOCK_ENTRIES)
      reports.set(
        block,
        files.map(({ family, bytes }) => report(family, block.number, bytes)),
      )
    })
    await this.#store.sync()
    for (const block of full) await this.#removeNarrower(block, BLOCK_ENTRIES)
    // A map of its own: the tables that one leaves as it loses entries keep alive what was in them,
    // and a block the memory of all its batches.
    const isDone = new Set(full)
    this.#blocks = new Map([...this.#blocks].filter(([, block]) => !isDone.has(block)))
    return full.flatMap((block) => reports.get(block) ?? [])
  }

  /** Also what the span holds of an unfinished block, and its persons. */
  async closeSegment(span: {
    readonly first: number
    readonly end: number
  }): Promise<readonly PackReport[]> {
    const reports = await this.settle(span.end)
    const block = this.#blocks.get(Math.floor(span.end / BLOCK_ENTRIES))
    const width = span.end % BLOCK_ENTRIES
    if (block !== undefined && width > 0) {
      const files = await this.#writeBlock(block, width)
      await this.#store.sync()
      await this.#removeNarrower(block, width)
      block.sealed = {
        records: partOf('records', files, width),
        acts: partOf('acts', files, width),
      }
      block.dropBefore(width)
    }
    const persons = await this.#packPersons(span)
    this.#persons.dropBefore(span.end)
    return [...reports, ...persons]
  }

  #addEntry(index: number, bytes: Uint8Array, start: number, end: number): void {
    const number = Math.floor(index / BLOCK_ENTRIES)
    let block = this.#blocks.get(number)
    if (block === undefined) {
      block = new PendingBlock(number, index % BLOCK_ENTRIES)
      this.#blocks.set(number, block)
    }
    if (!block.add(bytes, start, end, row, this.#opaqueKeyId)) return
    for (let nth = 0; nth < keyRowCount(bytes, start); nth++) {
      this.#ring.learn(keyRowAt(bytes, start, nth))
    }
    for (let nth = 0; nth < row.count; nth++) {
      if (row.isClosed[nth] === true) this.#persons.add(index, row, nth)
    }
  }

  /** Their names are durable when the store was synced. */
  async #writeBlock(block: PendingBlock, width: number): Promise<readonly PackedFile[]> {
    const files: PackedFile[] = []
    for (const family of FAMILIES) {
      const file = await this.#packFile({ block, family, offsets: block.offsets(family) }, width)
      if (file === undefined) continue
      if (!file.isStored) await this.#store.write(file)
      files.push(file)
    }
    return files
  }

  async #removeNarrower(block: PendingBlock, width: number): Promise<void> {
    for (const family of FAMILIES) await this.#store.removeNarrower(family, block.number, width)
  }

  /** Copies what is sealed of a block and seals the rest; undefined when it holds nothing. */
  async #packFile(
    { block, family, offsets }: UnpackedFile,
    width: number,
  ): Promise<PackedFile | undefined> {
    const found = block.sealed?.[family] ?? (await this.#found(block, family, offsets))
    // An earlier run may have come further than this one has: what it stored is never narrowed.
    if (found.width >= width) return this.#storedFile(block, family, found)
    const packs = [...found.packs]
    const rest = offsets.filter((offset) => offset >= found.width && offset < width)
    for (const { keyId, offsets } of byLedgerKey(block, rest)) {
      const from = block.first + found.width
      const spot = { keyId, from, to: block.first + width, ordinal: packs.length }
      packs.push(await this.#maker.records(spot, rowsAt(block, offsets), this.#form))
    }
    if (packs.length === 0) return undefined
    const path = blockPath(family, block.number, width)
    return { block, family, width, path, bytes: joinPacks(packs), packs, isStored: false }
  }

  #storedFile(block: PendingBlock, family: Family, found: SealedPart): PackedFile | undefined {
    const { width, packs } = found
    if (packs.length === 0) return undefined
    const path = blockPath(family, block.number, width)
    // Only what a checkpoint covers is known to be on the disk and not just in its cache.
    const isStored = width === BLOCK_ENTRIES && block.first + width <= this.#confirmed
    return { block, family, width, path, bytes: joinPacks(packs), packs, isStored }
  }

  /** The widest file of an earlier run that says what the entries say. */
  async #found(
    block: PendingBlock,
    family: Family,
    offsets: readonly number[],
  ): Promise<SealedPart> {
    if (!(await this.#store.mayHold(family, block.number))) return NOTHING_SEALED
    for (let limit = BLOCK_ENTRIES; limit > 0; ) {
      const stored = await this.#store.widest(family, block.number, limit)
      if (stored === undefined) break
      if (await this.#holds(stored, block, offsets)) {
        const packs = splitPacks(stored.path, stored.bytes).map(({ bytes }) => bytes)
        return { width: stored.width, packs }
      }
      limit = stored.width - 1
    }
    return NOTHING_SEALED
  }

  async #holds(
    stored: StoredBlock,
    block: PendingBlock,
    offsets: readonly number[],
  ): Promise<boolean> {
    const covered = offsets.filter((offset) => offset < stored.width)
    const wanted = new Map(
      covered.map((offset) => [offset, packedFrom(offset, block.payload(offset)).record]),
    )
    try {
      for (const pack of splitPacks(stored.path, stored.bytes)) {
        for (const record of await this.#opener.records(pack)) {
          const want = wanted.get(record.offset)
          if (want === undefined && record.offset >= block.startOffset) return false
          if (want !== undefined && !isSameRecord(want, record)) return false
          wanted.delete(record.offset)
        }
      }
    } catch (error) {
      if (error instanceof VaultError) return false
      throw error
    }
    return wanted.size === 0
  }

  async #packPersons(span: {
    readonly first: number
    readonly end: number
  }): Promise<readonly PackReport[]> {
    const path = personsPath(span.first)
    const groups = this.#persons.between(span.first, span.end)
    if (groups.length === 0) return []
    const stored = await this.#store.read(path)
    const wanted = { ...span, groups }
    if (stored && (await holdsPersons({ path, bytes: stored }, wanted, this.#opener))) {
      await this.#store.write({ path, bytes: stored })
      await this.#store.sync()
      return [report('persons', span.first, stored)]
    }
    const packs: Uint8Array[] = []
    for (const rows of groups) {
      const { keyId } = rows
      const spot = { keyId, from: span.first, to: span.end, ordinal: packs.length }
      packs.push(await this.#maker.persons(spot, rows, this.#form))
    }
    const bytes = joinPacks(packs)
    await this.#store.write({ path, bytes })
    await this.#store.sync()
    return [report('persons', span.first, bytes)]
  }
}

function rowsAt(block: PendingBlock, offsets: readonly number[]): RowSource {
  return {
    count: offsets.length,
    read: (nth, into) => block.read(offsets[nth] ?? -1, into),
  }
}

/** One group for each key, in the order in which the keys come. */
function byLedgerKey(block: PendingBlock, offsets: readonly number[]): Iterable<KeyGroup> {
  const groups = new Map<Uint8Array, KeyGroup>()
  for (const offset of offsets) {
    const keyId = block.keyId(offset)
    const group = groups.get(keyId) ?? { keyId, offsets: [] }
    if (group.offsets.length === 0) groups.set(keyId, group)
    group.offsets.push(offset)
  }
  return groups.values()
}

function partOf(family: Family, files: readonly PackedFile[], width: number): SealedPart {
  const file = files.find((each) => each.family === family)
  return file === undefined ? { width, packs: [] } : { width: file.width, packs: file.packs }
}

function report(kind: PackReport['kind'], block: number, bytes: Uint8Array): PackReport {
  return { kind, block, sha256: hash('sha256', bytes, 'buffer'), bytes: bytes.length }
}

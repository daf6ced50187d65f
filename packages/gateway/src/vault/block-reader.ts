import type { Disk } from '../platform/index.ts'
import { BLOCK_ENTRIES, FAMILIES, type Family } from './block-path.ts'
import { BlockStore, type OnRead, type StoredBlock } from './block-store.ts'
import { asFault, VaultError } from './errors.ts'
import type { KeyRing } from './key-ring.ts'
import { type OpenedRecord, openRecord, type PersonalPart } from './opened-record.ts'
import { type Pack, splitPacks } from './pack.ts'
import { PackOpener } from './pack-maker.ts'
import { familyOf, packedFrom } from './packed-from.ts'
import { isSound } from './packed-record.ts'
import { decodePayload } from './payload.ts'
import { PersonsFile, PersonsReader } from './persons-reader.ts'
import { type HashedRow, RowHasher } from './row-hasher.ts'
import { SealedRecord } from './sealed-record.ts'
import type { Table } from './table.ts'
import { SECTIONS_BYTES_MAX } from './table-decoder.ts'
import { CLOSED } from './table-encoder.ts'

export interface BlockReaderOptions {
  readonly disk: Disk
  readonly ring: KeyRing
  readonly origin: string
  /** `data/<epoch>`. */
  readonly epochDirectory: string
  /** The payload of an entry whose write-ahead segment is still kept. */
  readonly unpacked?: (index: number) => Promise<Uint8Array | undefined>
  /** Told of each file that was read, by its path below `epochDirectory`. */
  readonly onRead?: OnRead
}

/** What could be read of one block, and what could not. */
export interface OpenedBlock {
  /** In ascending order of index. */
  readonly records: readonly OpenedRecord[]
  /** Faults of whole packs and files; those of single sections are with the section. */
  readonly faults: readonly VaultError[]
}

/** As OpenedBlock, before records are opened. */
export interface SealedBlock {
  readonly records: readonly SealedRecord[]
  readonly faults: readonly VaultError[]
}

/** Reads sealed records back: full blocks, unfinished ones, and what is not packed yet. */
export class BlockReader {
  readonly #options: BlockReaderOptions
  readonly #store: BlockStore
  readonly #opener: PackOpener
  readonly #persons: PersonsReader
  readonly #hasher = new RowHasher()

  constructor(options: BlockReaderOptions) {
    this.#options = options
    this.#store = new BlockStore(options.disk, options.epochDirectory, options.onRead)
    this.#opener = new PackOpener(options)
    this.#persons = new PersonsReader(this.#store, { opener: this.#opener, ring: options.ring })
  }

  /** The persons file that begins with this entry, if only to see whether all of it opens. */
  personsFile(first: number): Promise<PersonsFile | VaultError> {
    return this.#persons.file(first)
  }

  /** One record. Throws the fault of its pack, or VAULT_ENTRY_MISSING. */
  async record(index: number): Promise<OpenedRecord> {
    const number = Math.floor(index / BLOCK_ENTRIES)
    const { records, faults } = await this.block(number, index % BLOCK_ENTRIES)
    const record = records.find((each) => each.index === index)
    if (record !== undefined) return record
    throw faults[0] ?? new VaultError('VAULT_ENTRY_MISSING', `no pack speaks of entry ${index}`)
  }

  /** Block `number`, or of it the entry at `only`. */
  async block(number: number, only?: number): Promise<OpenedBlock> {
    const { records, faults } = await this.sealed(number, only)
    const opened: OpenedRecord[] = []
    for (const each of records) {
      const isWanted = only === undefined || each.index % BLOCK_ENTRIES === only
      if (isWanted) opened.push(await this.open(each))
    }
    return { records: opened, faults }
  }

  /** As `block`, but no record is opened before somebody wants it. */
  async sealed(number: number, only?: number): Promise<SealedBlock> {
    const faults: VaultError[] = []
    const all = await this.#sealed(number, faults, only)
    const records: SealedRecord[] = []
    for (const each of all) {
      if (records.at(-1)?.index !== each.index) records.push(each)
      else faults.push(new VaultError('VAULT_MALFORMED', `entry ${each.index} is in two packs`))
    }
    return { records, faults }
  }

  /**
   * A record of which everything is open and as its digests say, found so in the quickest way.
   * Undefined: nothing is concluded, `open` finds out.
   */
  hashed(record: SealedRecord): HashedRow | undefined {
    return this.#hasher.hash(record, this.#persons.current(record.index))
  }

  /** Opens the packs that `hashed` needs. True: one was not open before. */
  async prepare({ index, table, row }: SealedRecord): Promise<boolean> {
    let isNew = false
    if (table === undefined) return isNew
    const { sections } = table.form(row)
    for (let nth = 0; nth < sections.length; nth++) {
      if (sections[nth]?.template !== CLOSED) continue
      const keyId = table.closedKeyId(table.place(row, nth))
      isNew ||= this.#persons.current(index) === undefined
      const file = await this.#persons.fileOf(index)
      if (!(file instanceof PersonsFile)) continue
      if (await file.openAll()) isNew = true
      if (file.ready(keyId) !== undefined) continue
      await file.open(keyId)
      isNew = true
    }
    return isNew
  }

  async open({ index, record, ledgerKey }: SealedRecord): Promise<OpenedRecord> {
    const parts: PersonalPart[] = []
    for (const section of record.sections) {
      if ('bytes' in section) continue
      const file = this.#persons.current(index)
      const ready = file?.ready(section.keyId)
      if (ready === undefined) parts.push(await this.#personal(index, section))
      else parts.push(partOf(ready, index, section.id))
    }
    return openRecord(record, { index, ledgerKey }, parts)
  }

  /** Finished files say it all; an unfinished block is in its parts and the write-ahead log. */
  async #sealed(
    number: number,
    faults: VaultError[],
    only?: number,
  ): Promise<readonly SealedRecord[]> {
    const sealed: SealedRecord[] = []
    const unfinished: Family[] = []
    this.#persons.forgetListing()
    for (const family of FAMILIES) {
      const full = await this.#store.full(family, number)
      if (full === undefined) unfinished.push(family)
      else await this.#openFile(family, number, full, { sealed, faults })
    }
    if (sealed.length < BLOCK_ENTRIES && unfinished.length > 0) {
      for (const family of unfinished) {
        const part = await this.#store.widest(family, number)
        if (part !== undefined) await this.#openFile(family, number, part, { sealed, faults })
      }
      await this.#readUnpacked(number, { sealed, faults }, only)
    }
    return sealed.sort((one, other) => one.index - other.index)
  }

  async #openFile(
    family: Family,
    number: number,
    { path, bytes }: StoredBlock,
    into: { readonly sealed: SealedRecord[]; readonly faults: VaultError[] },
  ): Promise<void> {
    const packs = await asFault(async () => splitPacks(path, bytes))
    if (packs instanceof VaultError) {
      into.faults.push(packs)
      return
    }
    const before = into.sealed.length
    let left = SECTIONS_BYTES_MAX
    for (const pack of packs) {
      left -= await this.#openPack(family, number, pack, into)
      if (left >= 0 && into.sealed.length - before <= BLOCK_ENTRIES) continue
      const message = `${path} holds more than a block can`
      into.faults.push(new VaultError('VAULT_MALFORMED', message, { place: pack.place }))
      return
    }
  }

  /** Returns how many bytes its sections have. */
  async #openPack(
    family: Family,
    number: number,
    pack: Pack,
    into: { readonly sealed: SealedRecord[]; readonly faults: VaultError[] },
  ): Promise<number> {
    const { from, to, keyId } = pack.header
    const first = number * BLOCK_ENTRIES
    const opened = await asFault(async () => {
      const ledgerKey = await this.#options.ring.key(keyId).catch((cause: unknown) => {
        throw placed(cause, pack)
      })
      const table = await this.#opener.recordTable(pack)
      const isHome = first <= from && to <= first + BLOCK_ENTRIES && table.rows <= BLOCK_ENTRIES
      if (isHome && isFit(table, family, { from: from - first, to: to - first })) {
        return { table, ledgerKey }
      }
      throw new VaultError('VAULT_MALFORMED', `pack ${pack.place.pack} is not this block's`, {
        place: pack.place,
      })
    })
    if (opened instanceof VaultError) {
      into.faults.push(opened)
      return 0
    }
    const { table, ledgerKey } = opened
    for (let row = 0; row < table.rows; row++) {
      const index = first + table.offset(row)
      into.sealed.push(new SealedRecord(index, ledgerKey, table, row))
    }
    return table.bytes
  }

  /** Entries that only the write-ahead log holds. */
  async #readUnpacked(
    number: number,
    into: { readonly sealed: SealedRecord[]; readonly faults: VaultError[] },
    only?: number,
  ): Promise<void> {
    const { unpacked, ring } = this.#options
    if (unpacked === undefined) return
    const known = new Set(into.sealed.map(({ index }) => index % BLOCK_ENTRIES))
    for (let offset = 0; offset < BLOCK_ENTRIES; offset++) {
      if (known.has(offset) || (only ?? offset) !== offset) continue
      const bytes = await unpacked(number * BLOCK_ENTRIES + offset)
      if (bytes === undefined) continue
      const { record, payload } = packedFrom(offset, bytes)
      if (!isSound(record)) {
        const index = number * BLOCK_ENTRIES + offset
        const message = `what the write-ahead log holds of entry ${index} is no record`
        into.faults.push(new VaultError('VAULT_MALFORMED', message))
        continue
      }
      for (const row of payload?.rows ?? []) ring.learn(row)
      const ledgerKey = await asFault(async () =>
        ring.key(payload?.ledgerKeyId ?? (await ring.opaqueKeyId())),
      )
      if (ledgerKey instanceof VaultError) into.faults.push(ledgerKey)
      else into.sealed.push(new SealedRecord(number * BLOCK_ENTRIES + offset, ledgerKey, record))
    }
  }

  async #personal(
    index: number,
    { id, keyId }: { readonly id: number; readonly keyId: Uint8Array },
  ): Promise<PersonalPart> {
    const file = await this.#persons.fileOf(index)
    if (file instanceof VaultError) return { fault: file }
    if (file !== undefined) return partOf(await file.open(keyId), index, id)
    const key = await asFault(() => this.#options.ring.key(keyId))
    if (key instanceof VaultError) return { fault: key }
    const payload = await this.#options.unpacked?.(index)
    const sections = payload === undefined ? undefined : decodePayload(payload)?.sections
    const bytes = sections?.find((section) => section.id === id)?.bytes
    if (bytes !== undefined) return { key, bytes }
    const message = `no persons file speaks of entry ${index}`
    return { fault: new VaultError('VAULT_FILE_MISSING', message) }
  }
}

/** A key that is not there is as well a key id that was changed: the fault names the pack. */
function placed(cause: unknown, { place }: Pack): unknown {
  return cause instanceof VaultError
    ? new VaultError(cause.code, cause.message, { place, cause })
    : cause
}

/** Whether all of a pack belongs where it stands, and there can be leaves over it. */
function isFit(
  table: Table,
  family: Family,
  { from, to }: { readonly from: number; readonly to: number },
): boolean {
  for (let row = 0; row < table.rows; row++) {
    const offset = table.offset(row)
    const isAtHome = familyOf(table.form(row).kind) === family && from <= offset && offset < to
    if (!isAtHome || !table.isSound(row)) return false
  }
  return true
}

function partOf(
  opened: Awaited<ReturnType<PersonsFile['open']>>,
  index: number,
  id: number,
): PersonalPart {
  if (opened instanceof VaultError) return { fault: opened }
  const bytes = opened.section(index, id)
  return bytes instanceof VaultError ? { fault: bytes } : { key: opened.key, bytes }
}

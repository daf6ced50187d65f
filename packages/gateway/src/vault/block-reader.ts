import type { Disk } from '../platform/index.ts'
import { BLOCK_ENTRIES, FAMILIES, type Family } from './block-path.ts'
import { BlockStore, type StoredBlock } from './block-store.ts'
import { VaultError } from './errors.ts'
import type { DataKey, KeyRing } from './key-ring.ts'
import { type OpenedRecord, openRecord, type PersonalPart } from './opened-record.ts'
import { type Pack, splitPacks } from './pack.ts'
import { PackOpener } from './pack-maker.ts'
import { familyOf, packedFrom } from './packed-from.ts'
import { isSound, type PackedRecord } from './packed-record.ts'
import { decodePayload } from './payload.ts'
import { asFault, type PersonsFile, PersonsReader } from './persons-reader.ts'
import { SECTIONS_BYTES_MAX } from './table-decoder.ts'

export interface BlockReaderOptions {
  readonly disk: Disk
  readonly ring: KeyRing
  readonly origin: string
  /** `data/<epoch>`. */
  readonly epochDirectory: string
  /** The payload of an entry whose write-ahead segment is still kept. */
  readonly unpacked?: (index: number) => Promise<Uint8Array | undefined>
}

/** What could be read of one block, and what could not. */
export interface OpenedBlock {
  /** In ascending order of index. */
  readonly records: readonly OpenedRecord[]
  /** Faults of whole packs and files; those of single sections are with the section. */
  readonly faults: readonly VaultError[]
}

/** Reads sealed records back: full blocks, unfinished ones, and what is not packed yet. */
export class BlockReader {
  readonly #options: BlockReaderOptions
  readonly #store: BlockStore
  readonly #opener: PackOpener
  readonly #persons: PersonsReader

  constructor(options: BlockReaderOptions) {
    this.#options = options
    this.#store = new BlockStore(options.disk, options.epochDirectory)
    this.#opener = new PackOpener(options)
    this.#persons = new PersonsReader(this.#store, { opener: this.#opener, ring: options.ring })
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
    const faults: VaultError[] = []
    const sealed = await this.#sealed(number, faults, only)
    const records: OpenedRecord[] = []
    for (const { record, ledgerKey } of sealed) {
      if (only !== undefined && record.offset !== only) continue
      const index = number * BLOCK_ENTRIES + record.offset
      if (records.at(-1)?.index === index) {
        faults.push(new VaultError('VAULT_MALFORMED', `entry ${index} is in two packs`))
      } else {
        records.push(await this.#openRecord(record, index, ledgerKey))
      }
    }
    return { records, faults }
  }

  /** Finished files say it all; an unfinished block is in its parts and the write-ahead log. */
  async #sealed(number: number, faults: VaultError[], only?: number): Promise<readonly Sealed[]> {
    const sealed: Sealed[] = []
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
    return sealed.sort((one, other) => one.record.offset - other.record.offset)
  }

  async #openFile(
    family: Family,
    number: number,
    { path, bytes }: StoredBlock,
    into: { readonly sealed: Sealed[]; readonly faults: VaultError[] },
  ): Promise<void> {
    const packs = await asFault(async () => splitPacks(path, bytes))
    if (packs instanceof VaultError) {
      into.faults.push(packs)
      return
    }
    const before = into.sealed.length
    let left = SECTIONS_BYTES_MAX
    for (const pack of packs) {
      const from = into.sealed.length
      await this.#openPack(family, number, pack, into)
      for (const { record } of into.sealed.slice(from)) left -= bytesOf(record)
      if (left >= 0 && into.sealed.length - before <= BLOCK_ENTRIES) continue
      const message = `${path} holds more than a block can`
      into.faults.push(new VaultError('VAULT_MALFORMED', message, { place: pack.place }))
      return
    }
  }

  async #openPack(
    family: Family,
    number: number,
    pack: Pack,
    into: { readonly sealed: Sealed[]; readonly faults: VaultError[] },
  ): Promise<void> {
    const { from, to, keyId } = pack.header
    const opened = await asFault(async () => {
      const ledgerKey = await this.#options.ring.key(keyId).catch((cause: unknown) => {
        throw placed(cause, pack)
      })
      const records = await this.#opener.records(pack)
      const first = number * BLOCK_ENTRIES
      const isHome = first <= from && to <= first + BLOCK_ENTRIES
      const isFit = (each: PackedRecord): boolean =>
        isAtHome(each, family, from - first, to - first) && isSound(each)
      const isAll = isHome && records.length <= BLOCK_ENTRIES && records.every(isFit)
      if (isAll) return records.map((record) => ({ record, ledgerKey }))
      throw new VaultError('VAULT_MALFORMED', `pack ${pack.place.pack} is not this block's`, {
        place: pack.place,
      })
    })
    if (opened instanceof VaultError) into.faults.push(opened)
    else into.sealed.push(...opened)
  }

  /** Entries that only the write-ahead log holds. */
  async #readUnpacked(
    number: number,
    into: { readonly sealed: Sealed[]; readonly faults: VaultError[] },
    only?: number,
  ): Promise<void> {
    const { unpacked, ring } = this.#options
    if (unpacked === undefined) return
    const known = new Set(into.sealed.map(({ record }) => record.offset))
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
      else into.sealed.push({ record, ledgerKey })
    }
  }

  async #openRecord(
    record: PackedRecord,
    index: number,
    ledgerKey: DataKey,
  ): Promise<OpenedRecord> {
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

function bytesOf({ sections, opaque }: PackedRecord): number {
  let sum = opaque?.length ?? 0
  for (const section of sections) if ('bytes' in section) sum += section.bytes.length
  return sum
}

/** A key that is not there is as well a key id that was changed: the fault names the pack. */
function placed(cause: unknown, { place }: Pack): unknown {
  return cause instanceof VaultError
    ? new VaultError(cause.code, cause.message, { place, cause })
    : cause
}

interface Sealed {
  readonly record: PackedRecord
  readonly ledgerKey: DataKey
}

function isAtHome(
  { kind, offset }: PackedRecord,
  family: Family,
  from: number,
  to: number,
): boolean {
  return familyOf(kind) === family && from <= offset && offset < to
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

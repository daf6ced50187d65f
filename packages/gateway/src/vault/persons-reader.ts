import { personsPath } from './block-path.ts'
import type { BlockStore } from './block-store.ts'
import { hex, mapKey } from './bytes.ts'
import { asFault, VaultError } from './errors.ts'
import type { DataKey, KeyRing } from './key-ring.ts'
import { KEY_ID_BYTES } from './key-row.ts'
import { type Pack, splitPacks } from './pack.ts'
import type { PackOpener } from './pack-maker.ts'
import { RecentMap } from './recent-map.ts'
import type { Table } from './table.ts'

/** Files of persons that are kept open at one time: reading runs along the log. */
export const PERSONS_FILES_MAX = 4

/** Sections of one file, together: a segment of the write-ahead log holds less. */
const PERSONS_BYTES_MAX = 134_217_728

/** One fault tells that a file is not the one that was written; more of them tell where. */
const PACK_FAULTS_MAX = 16

/** What is taken out of frames at once stands in memory twice. */
const PACKS_AT_ONCE = 256

/** The person-sealed sections of one write-ahead segment; each pack is opened once. */
export class PersonsFile {
  readonly path: string
  readonly first: number
  readonly end: number
  readonly #packs: ReadonlyMap<string, Pack>
  readonly #opener: PackOpener
  readonly #ring: KeyRing
  readonly #opened = new Map<string, OpenedPerson | VaultError>()
  #bytesLeft = PERSONS_BYTES_MAX
  #isOpen = false
  /** Those that `openAll` opened, by four bytes of their keys' ids: mostly no two have the same. */
  readonly #byNumber = new Map<number, OpenedPerson>()

  constructor(
    packs: readonly Pack[],
    from: { readonly path: string; readonly first: number },
    by: { readonly opener: PackOpener; readonly ring: KeyRing },
  ) {
    this.path = from.path
    this.first = from.first
    this.end = packs[0]?.header.to ?? from.first
    this.#packs = new Map(packs.map((pack) => [mapKey(pack.header.keyId), pack]))
    this.#opener = by.opener
    this.#ring = by.ring
  }

  /** One person's pack if it was opened before: no promise. */
  ready(keyId: Uint8Array): OpenedPerson | VaultError | undefined {
    return this.#opened.get(mapKey(keyId))
  }

  /** As `ready`, for whoever asks often: the id of the key stands in `ids` at `at`. */
  openedAt(ids: Uint8Array, at: number): OpenedPerson | undefined {
    const found = this.#byNumber.get(numberAt(ids, at))
    if (found !== undefined && isAt(found.key.id, ids, at)) return found
    const opened = this.#opened.get(mapKey(ids, at, at + KEY_ID_BYTES))
    return opened instanceof OpenedPerson ? opened : undefined
  }

  async open(keyId: Uint8Array): Promise<OpenedPerson | VaultError> {
    const opened = await asFault(() => this.#open(keyId))
    this.#opened.set(mapKey(keyId), opened)
    return opened
  }

  /**
   * Opens what can be opened, for whoever wants all of it; what cannot is left for `open` to tell.
   * False: that was done before.
   */
  async openAll(): Promise<boolean> {
    if (this.#isOpen) return false
    this.#isOpen = true
    const packs = [...this.#packs.values()].filter(({ header }) => !this.#holds(header.keyId))
    for (let at = 0; at < packs.length; at += PACKS_AT_ONCE) {
      await this.#openSome(packs.slice(at, at + PACKS_AT_ONCE))
    }
    return true
  }

  /**
   * Why packs of it cannot be opened, whether or not a section is in them: the first few. Those
   * under a key that is rightly gone are left out, its id being in hexadecimal.
   */
  async faults(isGone: (keyId: string) => boolean): Promise<readonly VaultError[]> {
    const faults: VaultError[] = []
    for (const { header, place } of this.#packs.values()) {
      if (isGone(hex(header.keyId))) continue
      const cause = this.ready(header.keyId) ?? (await this.open(header.keyId))
      if (!(cause instanceof VaultError)) continue
      faults.push(new VaultError(cause.code, cause.message, { place, cause }))
      if (faults.length === PACK_FAULTS_MAX) break
    }
    return faults
  }

  #holds(keyId: Uint8Array): boolean {
    return this.#opened.has(mapKey(keyId))
  }

  async #openSome(packs: readonly Pack[]): Promise<void> {
    const tables = await this.#opener.personTables(packs)
    for (const [nth, pack] of packs.entries()) {
      const table = tables[nth]
      if (table === undefined) continue
      const person = await asFault(async () => {
        const key = this.#ring.ready(pack.header.keyId) ?? (await this.#ring.key(pack.header.keyId))
        return this.#person(key, pack, table)
      })
      if (!(person instanceof OpenedPerson)) continue
      this.#opened.set(mapKey(pack.header.keyId), person)
      this.#byNumber.set(numberAt(pack.header.keyId, 0), person)
    }
  }

  async #open(keyId: Uint8Array): Promise<OpenedPerson> {
    const key = await this.#ring.key(keyId)
    const pack = this.#packs.get(mapKey(keyId))
    if (pack === undefined) return new OpenedPerson(key, this)
    return this.#person(key, pack, await this.#opener.personTable(pack))
  }

  #person(key: DataKey, { place }: Pack, table: Table): OpenedPerson {
    this.#bytesLeft -= table.bytes
    if (this.#bytesLeft < 0) {
      const message = `${this.path} holds more than a segment can`
      throw new VaultError('VAULT_MALFORMED', message, { place })
    }
    for (let row = 1; row < table.rows; row++) {
      if (table.offset(row - 1) < table.offset(row)) continue
      throw new VaultError('VAULT_MALFORMED', `pack in ${this.path} is out of order`, { place })
    }
    return new OpenedPerson(key, this, table)
  }
}

/** Of the random part of a key's id. */
function numberAt(ids: Uint8Array, at: number): number {
  const [one = 0, two = 0] = [ids[at + KEY_ID_BYTES - 1], ids[at + KEY_ID_BYTES - 2]]
  const [three = 0, four = 0] = [ids[at + KEY_ID_BYTES - 3], ids[at + KEY_ID_BYTES - 4]]
  return one | (two << 8) | (three << 16) | ((four & 0x3f) << 24)
}

function isAt(id: Uint8Array, ids: Uint8Array, at: number): boolean {
  for (let nth = 0; nth < KEY_ID_BYTES; nth++) if (id[nth] !== ids[at + nth]) return false
  return true
}

/** What one person's pack holds. */
export class OpenedPerson {
  readonly key: DataKey
  /** Undefined when the file holds nothing of this person. */
  readonly table: Table | undefined
  readonly #file: { readonly path: string; readonly first: number }
  // Reading runs along the log.
  #row = 0

  constructor(
    key: DataKey,
    file: { readonly path: string; readonly first: number },
    table?: Table,
  ) {
    this.key = key
    this.table = table
    this.#file = file
  }

  /** The row that speaks of an entry; -1 when none does. */
  row(index: number): number {
    const { table } = this
    if (table === undefined) return -1
    const offset = index - this.#file.first
    const { offsets } = table
    while (this.#row < table.rows && (offsets[this.#row] ?? 0) < offset) this.#row++
    if (offsets[this.#row] !== offset) this.#row = Math.max(0, offsets.indexOf(offset))
    return offsets[this.#row] === offset ? this.#row : -1
  }

  section(index: number, id: number): Uint8Array | VaultError {
    const row = this.row(index)
    const nth =
      row < 0 ? -1 : (this.table?.form(row).sections.findIndex((each) => each.id === id) ?? -1)
    const bytes = nth < 0 ? undefined : this.table?.sectionBytes(row, nth)
    if (bytes !== undefined) return bytes
    const { path } = this.#file
    const message = `${path} does not hold section ${id} of entry ${index}`
    return new VaultError('VAULT_ENTRY_MISSING', message, { place: { file: path } })
  }
}

/** Finds the file that speaks of an entry. */
export class PersonsReader {
  readonly #store: BlockStore
  readonly #by: { readonly opener: PackOpener; readonly ring: KeyRing }
  readonly #files = new RecentMap<number, PersonsFile | VaultError>({
    entriesMax: PERSONS_FILES_MAX,
  })
  #firsts: readonly number[] | undefined
  #isListed = false
  #current: PersonsFile | undefined

  constructor(store: BlockStore, by: { readonly opener: PackOpener; readonly ring: KeyRing }) {
    this.#store = store
    this.#by = by
  }

  /** The file if the last entry asked for was in it too: no promise. */
  current(index: number): PersonsFile | undefined {
    const file = this.#current
    return file !== undefined && file.first <= index && index < file.end ? file : undefined
  }

  /** Undefined when no file speaks of the entry: its segment is not closed yet, or it is gone. */
  async fileOf(index: number): Promise<PersonsFile | VaultError | undefined> {
    const known = await this.#covering(index)
    if (known !== undefined || this.#isListed) return known
    this.#firsts = await this.#store.persons()
    this.#isListed = true
    return this.#covering(index)
  }

  /** The file that begins with this entry, apart from those that are kept open. */
  async file(first: number): Promise<PersonsFile | VaultError> {
    return asFault(() => this.#read(first))
  }

  /** Files that came since are found again: once, however many entries have none. */
  forgetListing(): void {
    this.#isListed = false
  }

  async #covering(index: number): Promise<PersonsFile | VaultError | undefined> {
    const first = this.#firsts?.findLast((each) => each <= index)
    if (first === undefined) return undefined
    const file = this.#files.get(first) ?? (await asFault(() => this.#read(first)))
    this.#files.set(first, file)
    if (file instanceof VaultError) return file
    if (index >= file.end) return undefined
    this.#current = file
    return file
  }

  async #read(first: number): Promise<PersonsFile> {
    const path = personsPath(first)
    const bytes = await this.#store.read(path)
    if (bytes === undefined) {
      throw new VaultError('VAULT_FILE_MISSING', `${path} is gone`, { place: { file: path } })
    }
    const packs = splitPacks(path, bytes)
    for (const { header, place } of packs) {
      if (header.from === first && header.to === packs[0]?.header.to) continue
      const found = `entries ${header.from} to ${header.to}`
      throw new VaultError('VAULT_MALFORMED', `pack in ${path} speaks of ${found}`, { place })
    }
    const keys = new Set(packs.map(({ header }) => mapKey(header.keyId)))
    if (keys.size === packs.length) return new PersonsFile(packs, { path, first }, this.#by)
    const message = `${path} has two packs under one key`
    throw new VaultError('VAULT_MALFORMED', message, { place: { file: path } })
  }
}

import {
  DIGEST_BYTES,
  LEAF_BYTES,
  LeafWriter,
  SALT_BYTES,
  SECTION_BYTES_MAX,
  SECTION_HEAD_BYTES,
  sectionHead,
} from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { utf8 } from './bytes.ts'
import type { OpenedPerson } from './persons-reader.ts'
import { SaltCutter } from './salts.ts'
import type { SealedRecord } from './sealed-record.ts'
import { type FormSection, ID_BYTES, idAt, type Table } from './table.ts'
import { CLOSED, WHOLE } from './table-encoder.ts'

/** A row whose sections are all open and are what their digests say. */
export interface HashedRow {
  /** What the log must hold: memory that the next row uses again. */
  readonly leaf: Uint8Array
  readonly table: Table
  readonly row: number
  /** What the person's pack holds of it, where sections are sealed apart. */
  readonly person: PersonRow | undefined
}

export interface PersonRow {
  readonly table: Table
  readonly row: number
}

/** Says whose pack a key opens, where it was opened before. */
export type FindPerson = (keyId: Uint8Array) => OpenedPerson | undefined

const SECTION_ID_AT = SECTION_HEAD_BYTES - SALT_BYTES - 1
/** Views of the input that are kept, by length: nearly all sections are shorter. */
const VIEWS_MAX = 4_096

/**
 * Computes the leaf of a row as `openRecord` and `encodeLeaf` do, without an object for anything:
 * each section is written behind its head and hashed there. It knows the plain case only; whatever
 * is not plain has no answer here.
 */
export class RowHasher {
  readonly #writer = new LeafWriter(nodeSha256)
  readonly #input = new Uint8Array(SECTION_HEAD_BYTES + SECTION_BYTES_MAX)
  readonly #views: (Uint8Array | undefined)[] = []
  readonly #leaf = new Uint8Array(LEAF_BYTES)
  readonly #own = new SaltCutter()
  readonly #personal = new SaltCutter()

  constructor() {
    this.#input.set(utf8(sectionHead(1)))
  }

  hash({ index, ledgerKey, table, row }: SealedRecord, find: FindPerson): HashedRow | undefined {
    if (table?.recordIds === undefined) return undefined
    const { sections, isOpaque } = table.form(row)
    const closed = closedIn(sections)
    if (isOpaque || sections.length === 0) return undefined
    const person = closed === 0 ? undefined : personOf({ table, row, closed, index }, find)
    if (closed > 0 && person === undefined) return undefined
    const recordIdAt = (table.recordIds[row] ?? 0) * ID_BYTES
    const { uuid } = table.pools
    this.#own.cut(ledgerKey.saltKey, uuid, recordIdAt, sections.length - closed)
    if (person !== undefined) this.#personal.cut(person.saltKey, uuid, recordIdAt, closed)
    const isGood = this.#addAll(table, row, person)
    if (isGood) this.#writer.finishInto(this.#leaf)
    else this.#writer.reset()
    return isGood ? { leaf: this.#leaf, table, row, person } : undefined
  }

  #addAll(table: Table, row: number, person: PersonRow | undefined): boolean {
    const { sections } = table.form(row)
    let [own, personal] = [0, 0]
    for (let nth = 0; nth < sections.length; nth++) {
      const section = sections[nth]
      if (section === undefined || section.template === WHOLE) return false
      const place = table.place(row, nth)
      if (section.template !== CLOSED) {
        if (!this.#add(table, section, place, this.#own.at(own++))) return false
        continue
      }
      const found = person?.table.form(person.row).sections[personal]
      const isThere = found?.id === section.id && found.template !== WHOLE
      if (!isThere || person === undefined || found.template === CLOSED) return false
      const apart = person.table.place(person.row, personal)
      if (!this.#add(person.table, found, apart, this.#personal.at(personal++))) return false
      if (!this.#writer.lastIs(table.digests, place * DIGEST_BYTES)) return false
    }
    return true
  }

  #add(table: Table, section: FormSection, place: number, salt: Uint8Array): boolean {
    const shape = table.shape(section)
    if (shape.bytesMax > SECTION_BYTES_MAX) return false
    this.#input[SECTION_ID_AT] = section.id
    const end = table.write(shape, place, this.#input, SECTION_HEAD_BYTES)
    this.#writer.put(this.#view(end), salt)
    return true
  }

  #view(length: number): Uint8Array {
    const known = this.#views[length]
    if (known !== undefined) return known
    const view = this.#input.subarray(0, length)
    if (length < VIEWS_MAX) this.#views[length] = view
    return view
  }
}

function closedIn(sections: readonly FormSection[]): number {
  let count = 0
  for (const { template } of sections) if (template === CLOSED) count++
  return count
}

interface KeyedRow extends PersonRow {
  readonly saltKey: Uint8Array
}

/** The one person whose key seals all closed sections, and the row that has these and no other. */
function personOf(
  at: {
    readonly table: Table
    readonly row: number
    readonly closed: number
    readonly index: number
  },
  find: FindPerson,
): KeyedRow | undefined {
  const { table, row, closed, index } = at
  const { sections } = table.form(row)
  let key = -1
  for (let nth = 0; nth < sections.length; nth++) {
    if (sections[nth]?.template !== CLOSED) continue
    const place = table.closedKeys[table.place(row, nth)] ?? -1
    if (key >= 0 && place !== key) return undefined
    key = place
  }
  const person = find(idAt(table.pools.hex16, key))
  const found = person?.row(index) ?? -1
  if (person?.table === undefined || found < 0) return undefined
  if (person.table.form(found).sections.length !== closed) return undefined
  return { table: person.table, row: found, saltKey: person.key.saltKey }
}

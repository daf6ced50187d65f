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
import type { OpenedPerson, PersonsFile } from './persons-reader.ts'
import { SaltCutter } from './salts.ts'
import type { SealedRecord } from './sealed-record.ts'
import { ShapeWriter } from './shape-writer.ts'
import { type FormSection, ID_BYTES, type Shape, type Table } from './table.ts'
import { CLOSED, WHOLE } from './table-encoder.ts'
import { WholeWriter } from './whole-writer.ts'

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

const SECTION_ID_AT = SECTION_HEAD_BYTES - SALT_BYTES - 1
/** Memory for one row that a shape keeps: nearly all sections are shorter. */
const KEPT_BYTES_MAX = 4_096
/** The id and the salt are written over it. */
const HEAD = utf8(sectionHead(1))

/**
 * Computes the leaf of a row as `openRecord` and `encodeLeaf` do, without an object for anything:
 * each section is written behind its head and hashed there. It knows the plain case only; whatever
 * is not plain has no answer here.
 */
export class RowHasher {
  readonly #writer = new LeafWriter(nodeSha256)
  readonly #leaf = new Uint8Array(LEAF_BYTES)
  readonly #own = new SaltCutter()
  readonly #personal = new SaltCutter()
  readonly #people = new People()
  readonly #whole = new WholeWriter(HEAD)

  hash(record: SealedRecord, file: PersonsFile | undefined): HashedRow | undefined {
    const { index, ledgerKey, table, row } = record
    if (table?.recordIds === undefined) return undefined
    const { sections, isOpaque } = table.form(row)
    const closed = closedIn(sections)
    if (isOpaque || sections.length === 0) return undefined
    const person =
      closed === 0 || file === undefined ? undefined : this.#person(table, row, closed, file, index)
    if (closed > 0 && person === undefined) return undefined
    const recordIdAt = (table.recordIds[row] ?? 0) * ID_BYTES
    const { uuid } = table.pools
    this.#own.begin(ledgerKey.saltKey, uuid, recordIdAt)
    if (person !== undefined) this.#personal.begin(person.saltKey, uuid, recordIdAt)
    const isGood = this.#addAll(table, row, person)
    if (isGood) this.#writer.finishInto(this.#leaf)
    else this.#writer.reset()
    return isGood ? { leaf: this.#leaf, table, row, person } : undefined
  }

  /** The one person whose key seals all closed sections, and the row that has just these. */
  #person(
    table: Table,
    row: number,
    closed: number,
    file: PersonsFile,
    index: number,
  ): KeyedRow | undefined {
    const { sections } = table.form(row)
    let key = -1
    for (let nth = 0; nth < sections.length; nth++) {
      if (sections[nth]?.template !== CLOSED) continue
      const place = table.closedKeys[table.place(row, nth)] ?? -1
      if (key >= 0 && place !== key) return undefined
      key = place
    }
    const person = this.#people.of(table, key, file)
    const found = person?.row(index) ?? -1
    if (person?.table === undefined || found < 0) return undefined
    if (person.table.form(found).sections.length !== closed) return undefined
    return { table: person.table, row: found, saltKey: person.key.saltKey }
  }

  #addAll(table: Table, row: number, person: PersonRow | undefined): boolean {
    const { sections } = table.form(row)
    let [own, personal] = [0, 0]
    for (let nth = 0; nth < sections.length; nth++) {
      const section = sections[nth]
      if (section === undefined) return false
      const place = table.place(row, nth)
      if (section.template !== CLOSED) {
        if (!this.#add(table, section, place, this.#own.at(own++))) return false
        continue
      }
      const found = person?.table.form(person.row).sections[personal]
      const isThere = found?.id === section.id
      if (!isThere || person === undefined || found.template === CLOSED) return false
      const apart = person.table.place(person.row, personal)
      if (!this.#add(person.table, found, apart, this.#personal.at(personal++))) return false
      if (!this.#writer.lastIs(table.digests, place * DIGEST_BYTES)) return false
    }
    return true
  }

  #add(table: Table, section: FormSection, place: number, salt: Uint8Array): boolean {
    const framed =
      section.template === WHOLE
        ? this.#whole.write(table.blobs, place)
        : shaped(table.shape(section), place)
    if (framed === undefined) return false
    framed[SECTION_ID_AT] = section.id
    this.#writer.put(framed, salt)
    return true
  }
}

function shaped(shape: Shape, place: number): Uint8Array | undefined {
  return shape.bytesMax > SECTION_BYTES_MAX ? undefined : writerOf(shape).write(place)
}

/** Kept where a pack of many shapes cannot make it keep much. */
function writerOf(shape: Shape): ShapeWriter {
  if (shape.bytesMax > KEPT_BYTES_MAX) return new ShapeWriter(shape, HEAD)
  shape.writer ??= new ShapeWriter(shape, HEAD)
  return shape.writer
}

function closedIn(sections: readonly FormSection[]): number {
  let count = 0
  for (const { template } of sections) if (template === CLOSED) count++
  return count
}

interface KeyedRow extends PersonRow {
  readonly saltKey: Uint8Array
}

/** Whose packs the keys of one table open, as far as they were opened before. */
class People {
  #table: Table | undefined
  #file: PersonsFile | undefined
  #byKey: (OpenedPerson | undefined)[] = []

  of(table: Table, key: number, file: PersonsFile): OpenedPerson | undefined {
    if (table !== this.#table || file !== this.#file) {
      this.#table = table
      this.#file = file
      this.#byKey = []
    }
    const known = this.#byKey[key]
    if (known !== undefined) return known
    const opened = file.openedAt(table.pools.hex16, key * ID_BYTES)
    if (opened !== undefined) this.#byKey[key] = opened
    return opened
  }
}

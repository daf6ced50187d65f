import { SECTION_BYTES_MAX, SECTIONS } from '@countersign/evidence'
import { malformed } from './byte-stream.ts'
import { NO_RECORD_ID, type PackedRecord, type PackedSection } from './packed-record.ts'
import type { ShapeWriter } from './shape-writer.ts'
import { CLOSED, WHOLE } from './table-encoder.ts'
import type { Piece } from './template-renderer.ts'
import type { Texts } from './texts.ts'

const DIGEST_BYTES = 32
export const ID_BYTES = 16

/** What all rows of one form have in common: kind, and for each section its id and template. */
export interface Form {
  readonly kind: number
  readonly isOpaque: boolean
  readonly sections: readonly FormSection[]
}

export interface FormSection {
  readonly id: number
  /** WHOLE, CLOSED, or the place of its shape and one. */
  readonly template: number
}

/** The sections of a pack that differ only in values: what they share, and a column a value. */
export interface Shape {
  /** Their bytes, with one mark for each value. */
  readonly skeleton: Uint8Array
  readonly columns: readonly ShapeColumn[]
  readonly pieces: readonly Piece[]
  /** No row has more. */
  readonly bytesMax: number
  readonly rows: number
  /** For who writes rows of it again and again; made by who needs it. */
  writer: ShapeWriter | undefined
}

/** One value of each row: a number, or the place of a text or of an identifier in its pool. */
export interface ShapeColumn {
  readonly mark: number
  readonly values: readonly number[]
  readonly texts?: Texts
  readonly bytes?: Uint8Array
}

/** Sections and payloads that stand as they are: where each begins and ends. */
export interface Blobs {
  readonly memory: Uint8Array
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** Values that stand once, one after the other. */
export interface TablePools {
  readonly uuid: Uint8Array
  readonly hex16: Uint8Array
  readonly hex32: Uint8Array
}

/** Everything that a pack says, read and found possible. */
export interface TableParts {
  /** By row. */
  readonly forms: readonly Form[]
  readonly offsets: readonly number[]
  /** Places in the pool of uuids, by row. */
  readonly recordIds: readonly number[] | undefined
  readonly shapes: readonly Shape[]
  readonly pools: TablePools
  /** Places in the pool hex16, by closed section. */
  readonly closedKeys: readonly number[]
  readonly digests: Uint8Array
  readonly blobs: Blobs
  /** Of the sections that follow a shape, together. */
  readonly shapedBytes: number
}

/** What a pack holds, as columns: a section's bytes are written when somebody wants them. */
export class Table implements TableParts {
  readonly forms: readonly Form[]
  readonly offsets: readonly number[]
  readonly recordIds: readonly number[] | undefined
  readonly shapes: readonly Shape[]
  readonly pools: TablePools
  readonly closedKeys: readonly number[]
  readonly digests: Uint8Array
  readonly blobs: Blobs
  readonly shapedBytes: number
  /** By row: where its sections begin among the sections of all rows. */
  readonly #firsts: Int32Array
  /** Of each section: the row of its shape, or the number of the closed section or blob. */
  readonly #places: Int32Array

  constructor(parts: TableParts) {
    this.forms = parts.forms
    this.offsets = parts.offsets
    this.recordIds = parts.recordIds
    this.shapes = parts.shapes
    this.pools = parts.pools
    this.closedKeys = parts.closedKeys
    this.digests = parts.digests
    this.blobs = parts.blobs
    this.shapedBytes = parts.shapedBytes
    this.#firsts = new Int32Array(this.forms.length)
    this.#places = this.#placed()
  }

  get rows(): number {
    return this.forms.length
  }

  /** Of all sections and opaque payloads. */
  get bytes(): number {
    const { starts, ends } = this.blobs
    let bytes = this.shapedBytes
    for (let nth = 0; nth < ends.length; nth++) bytes += (ends[nth] ?? 0) - (starts[nth] ?? 0)
    return bytes
  }

  form(row: number): Form {
    return at(this.forms, row)
  }

  offset(row: number): number {
    return at(this.offsets, row)
  }

  shape({ template }: FormSection): Shape {
    return at(this.shapes, template - 1)
  }

  /** The row of the shape, closed section or blob of a row's `nth` section. */
  place(row: number, nth: number): number {
    return this.#places[(this.#firsts[row] ?? 0) + nth] ?? 0
  }

  closedKeyId(closed: number): Uint8Array {
    return idAt(this.pools.hex16, at(this.closedKeys, closed))
  }

  closedDigest(closed: number): Uint8Array {
    return this.digests.subarray(closed * DIGEST_BYTES, (closed + 1) * DIGEST_BYTES)
  }

  recordId(row: number): Uint8Array {
    return this.recordIds === undefined
      ? NO_RECORD_ID
      : idAt(this.pools.uuid, at(this.recordIds, row))
  }

  /** Writes a row of a shape; returns where the next byte goes. */
  write({ pieces }: Shape, row: number, into: Uint8Array, start: number): number {
    let end = start
    for (const piece of pieces) end = piece.write(into, end, row)
    return end
  }

  /** The bytes of an open section; undefined of a closed one. */
  sectionBytes(row: number, nth: number): Uint8Array | undefined {
    const section = at(this.form(row).sections, nth)
    const place = this.place(row, nth)
    if (section.template === CLOSED) return undefined
    if (section.template === WHOLE) return this.#blob(place)
    const shape = this.shape(section)
    const bytes = new Uint8Array(lengthOf(shape, place))
    this.write(shape, place, bytes, 0)
    return bytes
  }

  record(row: number): PackedRecord {
    const { kind, isOpaque, sections } = this.form(row)
    return {
      offset: this.offset(row),
      kind,
      recordId: this.recordId(row),
      opaque: isOpaque ? this.#blob(this.place(row, 0)) : undefined,
      sections: sections.map(({ id }, nth) => this.#section(row, id, nth)),
    }
  }

  /** Whether there can be a leaf over a row's sections: known ids in order, none too large. */
  isSound(row: number): boolean {
    let previous = 0
    const { sections } = this.form(row)
    for (let nth = 0; nth < sections.length; nth++) {
      const section = at(sections, nth)
      if (section.id <= previous || section.id > SECTIONS.seal) return false
      if (this.#isLarge(section, this.place(row, nth))) return false
      previous = section.id
    }
    return true
  }

  #isLarge(section: FormSection, place: number): boolean {
    if (section.template === CLOSED) return false
    if (section.template === WHOLE) return this.#blobBytes(place) > SECTION_BYTES_MAX
    const shape = this.shape(section)
    return shape.bytesMax > SECTION_BYTES_MAX && lengthOf(shape, place) > SECTION_BYTES_MAX
  }

  #blobBytes(place: number): number {
    const { starts, ends } = this.blobs
    return (ends[place] ?? 0) - (starts[place] ?? 0)
  }

  #blob(place: number): Uint8Array {
    const { memory, starts, ends } = this.blobs
    if (place >= ends.length) throw malformed(`no blob ${place} of ${ends.length}`)
    return memory.subarray(starts[place], ends[place])
  }

  #section(row: number, id: number, nth: number): PackedSection {
    const bytes = this.sectionBytes(row, nth)
    if (bytes !== undefined) return { id, bytes }
    const closed = this.place(row, nth)
    return { id, keyId: this.closedKeyId(closed), digest: this.closedDigest(closed) }
  }

  /** Each shape's rows, the closed sections and the blobs stand in the order of the rows. */
  #placed(): Int32Array {
    let count = 0
    for (const { sections, isOpaque } of this.forms) count += isOpaque ? 1 : sections.length
    const places = new Int32Array(count)
    const next = new Int32Array(CLOSED + 1)
    let place = 0
    const put = (template: number): void => {
      const found = next[template] ?? 0
      next[template] = found + 1
      places[place++] = found
    }
    for (let row = 0; row < this.forms.length; row++) {
      const { sections, isOpaque } = this.form(row)
      this.#firsts[row] = place
      if (isOpaque) put(WHOLE)
      for (const { template } of sections) put(template)
    }
    return places
  }
}

function lengthOf({ pieces }: Shape, row: number): number {
  let length = 0
  for (const piece of pieces) length += piece.bytes(row)
  return length
}

export function idAt(pool: Uint8Array, place: number): Uint8Array {
  const id = pool.subarray(place * ID_BYTES, (place + 1) * ID_BYTES)
  if (id.length !== ID_BYTES) throw malformed(`pool has no value ${place}`)
  return id
}

function at<Value>(values: readonly Value[], place: number): Value {
  const value = values[place]
  if (value === undefined) throw malformed(`nothing at ${place} of ${values.length}`)
  return value
}

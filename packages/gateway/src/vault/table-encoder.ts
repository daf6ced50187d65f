import { ByteWriter } from './byte-stream.ts'
import { mapKey } from './bytes.ts'
import { writeIntegers } from './integer-column.ts'
import { JsonScan, Skeleton } from './json-scan.ts'
import type { PackedRecord } from './packed-record.ts'
import { Pool } from './pool.ts'
import { type Column, newColumn, type Pools, type Streams } from './table-columns.ts'

/** Shapes of records and of sections in one pack; what comes beyond is stored whole. */
export const SHAPES_MAX = 250
/** A section of this template is stored whole, in `blobs`. */
export const WHOLE = 0
/** A section that is sealed elsewhere. */
export const CLOSED = 255
/** The section count of a record that is an opaque payload. */
export const OPAQUE_SECTIONS = 255
/** Forms that a record is held against before its own is looked up. */
const EARLY_FORMS = 4
/** Templates that a section is held against before it is cut anew. */
const LATELY_MAX = 4
/** Bytes of a UUIDv7 that time decides, most of them alike: they go to the number planes. */
export const UUID_PLANES = 8

const scan = new JsonScan()

/** The streams of a pack, before compression. */
export interface TableStreams<Stream> extends Streams<Stream> {
  readonly blobs: Stream
}

export interface TableOptions {
  /** Persons' packs have none: their ledger pack has them. */
  readonly hasRecordIds: boolean
  /** Cuts no section. */
  readonly isWhole: boolean
}

/**
 * Writes records as columns. The order of everything written is that of `TableDecoder`:
 *
 *     structure   rows, bytes of sections that follow a template, forms, templates; then columns:
 *                 offsets, forms of the rows, record ids, keys of closed sections, lengths of
 *                 blobs, each template's values in order; sizes of the pools
 */
export class TableEncoder {
  readonly #pools: Pools = { uuid: new Pool(16), hex16: new Pool(16), hex32: new Pool(32) }
  readonly #templates = new Map<string, Template>()
  readonly #forms = new Map<string, number>()
  readonly #formBytes = new ByteWriter()
  readonly #hasIds: boolean
  readonly #isWhole: boolean
  readonly #offsets: number[] = []
  readonly #formRows: number[] = []
  readonly #recordIds: number[] = []
  readonly #closedKeys: number[] = []
  readonly #digests = new ByteWriter()
  readonly #blobLengths: number[] = []
  readonly #blobs = new ByteWriter(64)
  readonly #form = new ByteWriter(32)
  #sectionBytes = 0
  // By section id, the templates followed last.
  readonly #lately: (readonly Template[])[] = []
  readonly #earlyForms: Uint8Array[] = []

  constructor(options: TableOptions) {
    this.#hasIds = options.hasRecordIds
    this.#isWhole = options.isWhole
  }

  add(record: PackedRecord): void {
    this.#offsets.push(record.offset)
    if (this.#hasIds) this.#recordIds.push(this.#pools.uuid.place(record.recordId))
    const form = this.#form
    form.length = 0
    form.byte(record.kind)
    form.byte(record.opaque === undefined ? record.sections.length : OPAQUE_SECTIONS)
    if (record.opaque !== undefined) this.#addBlob(record.opaque)
    for (const section of record.sections) {
      form.byte(section.id)
      if ('bytes' in section) form.byte(this.#addSection(section.id, section.bytes))
      else {
        form.byte(CLOSED)
        this.#closedKeys.push(this.#pools.hex16.place(section.keyId))
        this.#digests.writeAll(section.digest)
      }
    }
    this.#formRows.push(this.#formPlace(form.bytes))
  }

  finish(): TableStreams<Uint8Array> {
    const to = {
      structure: new ByteWriter(1024),
      numbers: new ByteWriter(1024),
      texts: new ByteWriter(1024),
      raw: new ByteWriter(1024),
    }
    const { structure, numbers, texts, raw } = to
    structure.number(this.#offsets.length)
    structure.number(this.#sectionBytes)
    structure.number(this.#forms.size)
    structure.writeAll(this.#formBytes.bytes)
    structure.number(this.#templates.size)
    for (const { skeleton } of this.#templates.values()) {
      structure.number(skeleton.bytes.length)
      structure.writeAll(skeleton.bytes)
    }
    writeIntegers(this.#offsets, to)
    writeIntegers(this.#formRows, to)
    if (this.#hasIds) writeIntegers(this.#recordIds, to)
    writeIntegers(this.#closedKeys, to)
    writeIntegers(this.#blobLengths, to)
    raw.writeAll(this.#digests.bytes)
    for (const { columns } of this.#templates.values()) for (const each of columns) each.write(to)
    this.#writePools(to)
    return {
      structure: structure.bytes,
      numbers: numbers.bytes,
      texts: texts.bytes,
      raw: raw.bytes,
      blobs: this.#blobs.bytes,
    }
  }

  #writePools({ structure, numbers, raw }: Streams<ByteWriter>): void {
    const { uuid, hex16, hex32 } = this.#pools
    for (const pool of [uuid, hex16, hex32]) structure.number(pool.size)
    const uuids = uuid.bytes
    for (let plane = 0; plane < UUID_PLANES; plane++) {
      for (let at = plane; at < uuids.length; at += 16) numbers.byte(uuids[at] ?? 0)
    }
    for (let at = UUID_PLANES; at < uuids.length; at += 16) {
      raw.write(uuids, at, at + 16 - UUID_PLANES)
    }
    raw.writeAll(hex16.bytes)
    raw.writeAll(hex32.bytes)
  }

  #addBlob(bytes: Uint8Array): void {
    this.#blobLengths.push(bytes.length)
    this.#blobs.writeAll(bytes)
  }

  /** The number of the template that the section follows. */
  #addSection(id: number, bytes: Uint8Array): number {
    const template = this.#isWhole ? undefined : this.#templateOf(id, bytes)
    if (template === undefined) {
      this.#addBlob(bytes)
      return WHOLE
    }
    this.#remember(id, template)
    this.#sectionBytes += bytes.length
    const { columns } = template
    for (let value = 0; value < columns.length; value++) columns[value]?.add(bytes, scan, value)
    return template.number
  }

  /** Leaves the values of the section in `scan`. */
  #templateOf(id: number, bytes: Uint8Array): Template | undefined {
    const recent = this.#lately[id]?.find(({ skeleton }) => scan.follows(skeleton, bytes))
    return recent ?? (scan.scan(bytes) ? this.#template() : undefined)
  }

  #remember(id: number, template: Template): void {
    const lately = this.#lately[id] ?? []
    if (lately[0] === template) return
    const others = lately.filter((each) => each !== template).slice(0, LATELY_MAX - 1)
    this.#lately[id] = [template, ...others]
  }

  #template(): Template | undefined {
    const skeleton = scan.skeleton.toString('latin1', 0, scan.skeletonLength)
    const known = this.#templates.get(skeleton)
    if (known !== undefined || this.#templates.size >= SHAPES_MAX) return known
    const marks = scan.marks.subarray(0, scan.count)
    const made = {
      number: this.#templates.size + 1,
      skeleton: new Skeleton(Uint8Array.from(scan.skeleton.subarray(0, scan.skeletonLength))),
      columns: Array.from(marks, (mark) => newColumn(mark, this.#pools)),
    }
    this.#templates.set(skeleton, made)
    return made
  }

  /** Intents and outcomes take turns: the few forms that come first are compared. */
  #formPlace(form: Uint8Array): number {
    const early = this.#earlyForms.findIndex((each) => Buffer.compare(each, form) === 0)
    if (early >= 0) return early
    const place = this.#findForm(form)
    if (place < EARLY_FORMS) this.#earlyForms[place] = Uint8Array.from(form)
    return place
  }

  #findForm(form: Uint8Array): number {
    const key = mapKey(form)
    const known = this.#forms.get(key)
    if (known !== undefined) return known
    const place = this.#forms.size
    this.#forms.set(key, place)
    this.#formBytes.writeAll(form)
    return place
  }
}

interface Template {
  readonly number: number
  readonly skeleton: Skeleton
  readonly columns: readonly Column[]
}

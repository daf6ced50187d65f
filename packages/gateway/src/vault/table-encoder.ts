import { ByteWriter } from './byte-stream.ts'
import { mapKey } from './bytes.ts'
import { writeIntegers } from './integer-column.ts'
import { JsonScan, Skeleton } from './json-scan.ts'
import { NumberList } from './number-list.ts'
import { digestAt, type PackedRow } from './packed-row.ts'
import { Pool } from './pool.ts'
import { Column, type Pools, type Streams } from './table-columns.ts'

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
const LATELY_MAX = 6
/** Lists of such templates: one for each kind and section, as far as these go. */
const LATELY_LISTS = 512
/** Templates that an encoder knows from packs before; beyond it it learns them anew. */
const KNOWN_MAX = 1024
const DIGEST_BYTES = 32
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
 * Writes rows as columns, one pack after the other; it remembers the shapes of sections, which
 * packs have in common. The order of everything written is that of `TableDecoder`:
 *
 *     structure   rows, bytes of sections that follow a template, forms, templates; then columns:
 *                 offsets, forms of the rows, record ids, keys of closed sections, lengths of
 *                 blobs, each template's values in order; sizes of the pools
 */
export class TableEncoder {
  readonly #pools: Pools = { uuid: new Pool(16), hex16: new Pool(16), hex32: new Pool(32) }
  readonly #to = {
    structure: new ByteWriter(1024),
    numbers: new ByteWriter(1024),
    texts: new ByteWriter(1024),
    raw: new ByteWriter(1024),
  }
  /** By skeleton, those of packs before included. */
  #known = new Map<string, Template>()
  // By kind and section, the templates followed last.
  #lately: Template[][] = Array.from({ length: LATELY_LISTS }, () => [])
  /** Of this pack, by number. */
  readonly #templates: Template[] = []
  readonly #forms = new Map<string, number>()
  readonly #earlyForms: Uint8Array[] = []
  readonly #formBytes = new ByteWriter()
  readonly #offsets = new NumberList()
  readonly #formRows = new NumberList()
  readonly #recordIds = new NumberList()
  readonly #closedKeys = new NumberList()
  readonly #digests = new ByteWriter()
  readonly #blobLengths = new NumberList()
  readonly #blobs = new ByteWriter(64)
  readonly #form = new ByteWriter(32)
  #sectionBytes = 0
  #hasIds = true
  #isWhole = false

  /** Forgets the pack before. */
  begin({ hasRecordIds, isWhole }: TableOptions): void {
    this.#hasIds = hasRecordIds
    this.#isWhole = isWhole
    this.#forgetTemplates()
    this.#forms.clear()
    this.#earlyForms.length = 0
    const { uuid, hex16, hex32 } = this.#pools
    const { structure, numbers, texts, raw } = this.#to
    for (const pool of [uuid, hex16, hex32]) pool.reset()
    for (const writer of [structure, numbers, texts, raw]) writer.reset()
    for (const writer of [this.#formBytes, this.#digests, this.#blobs]) writer.reset()
    const columns = [this.#offsets, this.#formRows, this.#recordIds, this.#closedKeys]
    for (const column of [...columns, this.#blobLengths]) column.reset()
    this.#sectionBytes = 0
  }

  #forgetTemplates(): void {
    for (const template of this.#templates) {
      template.number = 0
      template.rows = 0
      template.froms.length = 0
      template.bounds.reset()
      for (const column of template.columns) column.reset()
    }
    this.#templates.length = 0
    if (this.#known.size < KNOWN_MAX) return
    this.#known = new Map()
    this.#lately = Array.from({ length: LATELY_LISTS }, () => [])
  }

  get hasRecordIds(): boolean {
    return this.#hasIds
  }

  add(row: PackedRow): void {
    this.#offsets.push(row.offset)
    if (this.#hasIds) this.#recordIds.push(this.#pools.uuid.place(row.memory, row.recordIdAt))
    const form = this.#form
    form.length = 0
    form.byte(row.kind)
    form.byte(row.isOpaque ? OPAQUE_SECTIONS : row.count)
    if (row.isOpaque) this.#addBlob(row, 0)
    else for (let nth = 0; nth < row.count; nth++) this.#addNth(row, nth, form)
    this.#formRows.push(this.#formPlace(form.bytes))
  }

  /** What is returned lasts until the next pack begins. */
  finish(): TableStreams<Uint8Array> {
    const { structure, numbers, texts, raw } = this.#to
    structure.number(this.#offsets.length)
    structure.number(this.#sectionBytes)
    structure.number(this.#forms.size)
    structure.writeAll(this.#formBytes.bytes)
    structure.number(this.#templates.length)
    for (const { skeleton } of this.#templates) {
      structure.number(skeleton.bytes.length)
      structure.writeAll(skeleton.bytes)
    }
    this.#integers(this.#offsets)
    this.#integers(this.#formRows)
    if (this.#hasIds) this.#integers(this.#recordIds)
    this.#integers(this.#closedKeys)
    this.#integers(this.#blobLengths)
    raw.writeAll(this.#digests.bytes)
    for (const { columns } of this.#templates) for (const each of columns) each.write(this.#to)
    this.#writePools()
    return {
      structure: structure.bytes,
      numbers: numbers.bytes,
      texts: texts.bytes,
      raw: raw.bytes,
      blobs: this.#blobs.bytes,
    }
  }

  #integers({ memory, length }: NumberList): void {
    writeIntegers(memory, length, this.#to)
  }

  #writePools(): void {
    const { structure, numbers, raw } = this.#to
    const { uuid, hex16, hex32 } = this.#pools
    for (const pool of [uuid, hex16, hex32]) structure.number(pool.size)
    const uuids = uuid.bytes
    let to = numbers.extend(UUID_PLANES * uuid.size)
    for (let plane = 0; plane < UUID_PLANES; plane++) {
      for (let at = plane; at < uuids.length; at += 16) numbers.memory[to++] = uuids[at] ?? 0
    }
    to = raw.extend((16 - UUID_PLANES) * uuid.size)
    for (let at = UUID_PLANES; at < uuids.length; at += 16) {
      for (let byte = at; byte < at + 16 - UUID_PLANES; byte++) raw.memory[to++] = uuids[byte] ?? 0
    }
    raw.writeAll(hex16.bytes)
    raw.writeAll(hex32.bytes)
  }

  #addNth(row: PackedRow, nth: number, form: ByteWriter): void {
    const id = row.ids[nth] ?? 0
    form.byte(id)
    if (row.isClosed[nth] !== true) {
      form.byte(this.#addSection(row, nth, id))
      return
    }
    form.byte(CLOSED)
    const from = row.from[nth] ?? row.memory
    this.#closedKeys.push(this.#pools.hex16.place(from, row.keyAt[nth] ?? 0))
    const digest = digestAt(row, nth)
    this.#digests.write(from, digest, digest + DIGEST_BYTES)
  }

  #addBlob(row: PackedRow, nth: number): void {
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    this.#blobLengths.push(end - start)
    this.#blobs.writeAll((row.from[nth] ?? row.memory).subarray(start, end))
  }

  /** The number of the template that the section follows. */
  #addSection(row: PackedRow, nth: number, id: number): number {
    const from = row.from[nth] ?? row.memory
    const start = row.start[nth] ?? 0
    const end = row.end[nth] ?? 0
    const template = this.#isWhole ? undefined : this.#templateOf(row.kind, id, from, start, end)
    if (template === undefined) {
      this.#addBlob(row, nth)
      return WHOLE
    }
    this.#sectionBytes += end - start
    const { columns, froms, bounds } = template
    for (let value = 0; value < columns.length; value++) columns[value]?.add(from, scan, value)
    // Mostly the memory of the row before: one of each batch is kept, and where it begins.
    if (froms.at(-1)?.memory !== from) froms.push({ memory: from, row: template.rows })
    template.rows++
    bounds.push(start)
    bounds.push(end)
    return template.number
  }

  /** Of this pack: the `number`th template, and where its sections stand. */
  template(number: number): Template | undefined {
    return this.#templates[number - 1]
  }

  /** Leaves the values of the section in `scan`. */
  #templateOf(
    kind: number,
    id: number,
    from: Uint8Array,
    start: number,
    end: number,
  ): Template | undefined {
    const lately = this.#lately[((kind << 4) | (id & 0xf)) % LATELY_LISTS]
    if (lately === undefined) return undefined
    for (let place = 0; place < lately.length; place++) {
      const template = lately[place]
      if (template === undefined || !scan.follows(template.skeleton, from, start, end)) continue
      if (place > 0) moveFirst(lately, place, template)
      return this.#used(template)
    }
    if (!scan.scan(from, start, end)) return undefined
    const template = this.#scanned()
    // Whatever is cut was held against the skeleton, byte for byte.
    if (!scan.follows(template.skeleton, from, start, end)) return undefined
    lately.length = Math.min(lately.length, LATELY_MAX - 1)
    lately.unshift(template)
    return this.#used(template)
  }

  /** The template of what was scanned. */
  #scanned(): Template {
    const skeleton = scan.skeleton.toString('latin1', 0, scan.skeletonLength)
    const known = this.#known.get(skeleton)
    if (known !== undefined) return known
    const marks = scan.marks.subarray(0, scan.count)
    const made = {
      number: 0,
      skeleton: new Skeleton(Uint8Array.from(scan.skeleton.subarray(0, scan.skeletonLength))),
      columns: Array.from(marks, (mark) => new Column(mark, this.#pools)),
      rows: 0,
      froms: [],
      bounds: new NumberList(),
    }
    this.#known.set(skeleton, made)
    return made
  }

  /** Undefined: a pack has no more than so many. */
  #used(template: Template): Template | undefined {
    if (template.number > 0) return template
    if (this.#templates.length >= SHAPES_MAX) return undefined
    this.#templates.push(template)
    template.number = this.#templates.length
    return template
  }

  /** Intents and outcomes take turns: the few forms that come first are compared. */
  #formPlace(form: Uint8Array): number {
    for (let place = 0; place < this.#earlyForms.length; place++) {
      if (isSame(this.#earlyForms[place] ?? form, form)) return place
    }
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

/** A shape of sections, and a column for each value of those in this pack. */
export interface Template {
  /** In this pack, from 1; 0: it is not used there. */
  number: number
  readonly skeleton: Skeleton
  readonly columns: readonly Column[]
  /** Sections of this pack that follow it. */
  rows: number
  /** Whose memory they stand in, from which row on; and of each where it begins and ends. */
  readonly froms: { readonly memory: Uint8Array; readonly row: number }[]
  readonly bounds: NumberList
}

function moveFirst(lately: Template[], place: number, template: Template): void {
  lately.copyWithin(1, 0, place)
  lately[0] = template
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}

import { ByteWriter } from './byte-stream.ts'
import { mapKey } from './bytes.ts'
import { writeIntegers } from './integer-column.ts'
import { type JsonScan, MARKS, readHex, readUuid } from './json-scan.ts'
import type { Pool } from './pool.ts'

/** What a pack's columns are written to. `raw` holds what no compressor makes smaller. */
export interface Streams<Stream> {
  readonly structure: Stream
  readonly numbers: Stream
  readonly texts: Stream
  readonly raw: Stream
}

/** Ends each text: JSON text holds no control character. */
export const TEXT_END = 0x0a

/** One varying value of every section of one shape. */
export interface Column {
  add(bytes: Uint8Array, scan: JsonScan, value: number): void
  write(to: Streams<ByteWriter>): void
}

export interface Pools {
  readonly uuid: Pool
  readonly hex16: Pool
  readonly hex32: Pool
}

export function newColumn(mark: number, pools: Pools): Column {
  if (mark === MARKS.integer || mark === MARKS.time) return new IntegerColumn()
  if (mark === MARKS.uuid) return new PoolColumn(pools.uuid, readUuid)
  if (mark === MARKS.hex16) return new PoolColumn(pools.hex16, readHex)
  if (mark === MARKS.hex32) return new PoolColumn(pools.hex32, readHex)
  if (mark === MARKS.hex8) return new RawColumn()
  return new TextColumn()
}

class IntegerColumn implements Column {
  readonly #values: number[] = []

  add(_bytes: Uint8Array, scan: JsonScan, value: number): void {
    this.#values.push(scan.numbers[value] ?? 0)
  }

  write(to: Streams<ByteWriter>): void {
    writeIntegers(this.#values, to)
  }
}

class PoolColumn implements Column {
  readonly #pool: Pool
  readonly #read: typeof readHex
  readonly #places: number[] = []

  constructor(pool: Pool, read: typeof readHex) {
    this.#pool = pool
    this.#read = read
  }

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    this.#read(bytes, scan.starts[value] ?? 0, this.#pool.scratch)
    this.#places.push(this.#pool.place(this.#pool.scratch))
  }

  write(to: Streams<ByteWriter>): void {
    writeIntegers(this.#places, to)
  }
}

class RawColumn implements Column {
  readonly #values = new ByteWriter()
  readonly #scratch = new Uint8Array(8)

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    readHex(bytes, scan.starts[value] ?? 0, this.#scratch)
    this.#values.writeAll(this.#scratch)
  }

  write(to: Streams<ByteWriter>): void {
    to.raw.writeAll(this.#values.bytes)
  }
}

/** Most columns hold few texts: the first ones are compared before anything is looked up. */
const TEXTS_EARLY = 4

class TextColumn implements Column {
  readonly #places = new Map<string, number>()
  readonly #texts = new ByteWriter()
  readonly #rows: number[] = []
  readonly #early: { readonly text: Uint8Array; readonly place: number }[] = []

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    const start = scan.starts[value] ?? 0
    const end = scan.ends[value] ?? 0
    for (const { text, place } of this.#early) {
      if (!isAt(bytes, start, end, text)) continue
      this.#rows.push(place)
      return
    }
    const place = this.#placeOf(bytes, start, end)
    if (this.#early.length < TEXTS_EARLY) {
      this.#early.push({ text: bytes.subarray(start, end), place })
    }
    this.#rows.push(place)
  }

  write(to: Streams<ByteWriter>): void {
    to.structure.number(this.#places.size)
    writeIntegers(this.#rows, to)
    to.texts.writeAll(this.#texts.bytes)
  }

  #placeOf(bytes: Uint8Array, start: number, end: number): number {
    const key = mapKey(bytes, start, end)
    const known = this.#places.get(key)
    if (known !== undefined) return known
    const place = this.#places.size
    this.#places.set(key, place)
    this.#texts.write(bytes, start, end)
    this.#texts.byte(TEXT_END)
    return place
  }
}

function isAt(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}

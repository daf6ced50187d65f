import { ByteWriter } from './byte-stream.ts'
import { writeIntegers } from './integer-column.ts'
import { type JsonScan, MARKS, readHex, readUuid } from './json-scan.ts'
import type { Pool } from './pool.ts'
import { TextPool } from './text-pool.ts'

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
  /** Begins the column of another pack. */
  reset(): void
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

  reset(): void {
    this.#values.length = 0
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
    this.#places.push(this.#pool.place(this.#pool.scratch, 0))
  }

  write(to: Streams<ByteWriter>): void {
    writeIntegers(this.#places, to)
  }

  reset(): void {
    this.#places.length = 0
  }
}

class RawColumn implements Column {
  readonly #values = new ByteWriter()
  readonly #scratch = new Uint8Array(8)

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    readHex(bytes, scan.starts[value] ?? 0, this.#scratch)
    this.#values.write(this.#scratch)
  }

  write(to: Streams<ByteWriter>): void {
    to.raw.writeAll(this.#values.bytes)
  }

  reset(): void {
    this.#values.length = 0
  }
}

class TextColumn implements Column {
  readonly #texts = new TextPool(TEXT_END)
  readonly #rows: number[] = []

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    this.#rows.push(this.#texts.place(bytes, scan.starts[value] ?? 0, scan.ends[value] ?? 0))
  }

  write(to: Streams<ByteWriter>): void {
    to.structure.number(this.#texts.size)
    writeIntegers(this.#rows, to)
    to.texts.writeAll(this.#texts.bytes)
  }

  reset(): void {
    this.#rows.length = 0
    this.#texts.reset()
  }
}

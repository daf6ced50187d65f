import { ByteWriter } from './byte-stream.ts'
import { writeIntegers } from './integer-column.ts'
import { DECODED_BYTES, type JsonScan, MARKS } from './json-scan.ts'
import { NumberList } from './number-list.ts'
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

export interface Pools {
  readonly uuid: Pool
  readonly hex16: Pool
  readonly hex32: Pool
}

const HEX8_BYTES = 8
const ROWS = 32
/** What a column that is used again keeps: each of many shapes has columns of its own. */
const [KEPT_ROWS_MAX, KEPT_BYTES_MAX] = [2_048, 65_536]

/**
 * One varying value of every section of one shape. One class for all marks: a call for each value
 * of each section is only cheap where it always leads to the same place.
 */
export class Column {
  readonly mark: number
  /** Numbers as they are, places in a pool, or places among the column's texts. */
  readonly #values = new NumberList()
  readonly #pool: Pool | undefined
  readonly #texts: TextPool | undefined
  readonly #raw: ByteWriter | undefined
  /** Where each value stands in the memory of its section. */
  #starts = new Int32Array(ROWS)
  #ends = new Int32Array(ROWS)
  #rows = 0

  constructor(mark: number, pools: Pools) {
    this.mark = mark
    this.#pool = poolOf(mark, pools)
    this.#texts = mark === MARKS.text ? new TextPool(TEXT_END) : undefined
    this.#raw = mark === MARKS.hex8 ? new ByteWriter() : undefined
  }

  get starts(): Int32Array {
    return this.#starts
  }

  get ends(): Int32Array {
    return this.#ends
  }

  add(bytes: Uint8Array, scan: JsonScan, value: number): void {
    const start = scan.starts[value] ?? 0
    const end = scan.ends[value] ?? 0
    const row = this.#rows++
    if (row === this.#starts.length) this.#grow()
    this.#starts[row] = start
    this.#ends[row] = end
    switch (this.mark) {
      case MARKS.integer:
      case MARKS.time:
        this.#values.push(scan.numbers[value] ?? 0)
        break
      case MARKS.text:
        this.#values.push(this.#texts?.place(bytes, start, end) ?? 0)
        break
      case MARKS.hex8:
        this.#raw?.write(scan.decoded, value * DECODED_BYTES, value * DECODED_BYTES + HEX8_BYTES)
        break
      default:
        this.#values.push(this.#pool?.place(scan.decoded, value * DECODED_BYTES) ?? 0)
    }
  }

  write(to: Streams<ByteWriter>): void {
    if (this.#raw !== undefined) {
      to.raw.writeAll(this.#raw.bytes)
      return
    }
    if (this.#texts !== undefined) to.structure.number(this.#texts.size)
    writeIntegers(this.#values.memory, this.#values.length, to)
    if (this.#texts !== undefined) to.texts.writeAll(this.#texts.bytes)
  }

  /** Begins the column of another pack. */
  reset(): void {
    this.#rows = 0
    this.#values.reset()
    this.#texts?.reset()
    this.#raw?.reset(KEPT_BYTES_MAX)
    if (this.#starts.length <= KEPT_ROWS_MAX) return
    this.#starts = new Int32Array(ROWS)
    this.#ends = new Int32Array(ROWS)
  }

  #grow(): void {
    const [starts, ends] = [this.#starts, this.#ends]
    this.#starts = new Int32Array(2 * starts.length)
    this.#ends = new Int32Array(2 * ends.length)
    this.#starts.set(starts)
    this.#ends.set(ends)
  }
}

function poolOf(mark: number, { uuid, hex16, hex32 }: Pools): Pool | undefined {
  if (mark === MARKS.uuid) return uuid
  if (mark === MARKS.hex16) return hex16
  return mark === MARKS.hex32 ? hex32 : undefined
}

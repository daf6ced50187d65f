import { malformed } from './byte-stream.ts'
import { TIME_BYTES, writeTime } from './column-time.ts'
import type { Texts } from './texts.ts'

/** One value of a section. */
export interface Piece {
  /** Returns where the next byte goes. */
  write(into: Uint8Array, at: number, row: number): number
  /** How many bytes `write` writes. */
  bytes(row: number): number
  /** Of every row; undefined where they differ. */
  readonly bytesEach: number | undefined
  /** Whether it is the same in every row. */
  readonly isFixed: boolean
}

const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))
const HIGH = new Uint8Array(256).map((_, byte) => DIGITS[byte >> 4] ?? 0)
const LOW = new Uint8Array(256).map((_, byte) => DIGITS[byte & 15] ?? 0)
const DASH = 0x2d
const ZERO = 0x30
const UUID_DASHES = 4
/** Below it a loop is cheaper than the call. */
const COPY_BYTES_MIN = 24

export class StaticPiece implements Piece {
  readonly isFixed = true
  readonly bytesEach: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.bytesEach = bytes.length
  }

  bytes(): number {
    return this.bytesEach
  }

  write(into: Uint8Array, at: number): number {
    return copy(this.#bytes, into, at)
  }
}

export class TextPiece implements Piece {
  readonly isFixed = false
  readonly bytesEach = undefined
  readonly #texts: Texts
  readonly #rows: readonly number[]

  constructor(texts: Texts, rows: readonly number[]) {
    this.#texts = texts
    this.#rows = rows
  }

  bytes(row: number): number {
    const length = this.#texts.length(this.#rows[row] ?? -1)
    if (length < 0) throw malformed(`row ${row} has no text`)
    return length
  }

  /** Of a row whose `bytes` were asked before. */
  write(into: Uint8Array, at: number, row: number): number {
    return this.#texts.write(this.#rows[row] ?? -1, into, at)
  }
}

export class IntegerPiece implements Piece {
  readonly isFixed = false
  readonly bytesEach = undefined
  readonly #values: readonly number[]

  constructor(values: readonly number[]) {
    this.#values = values
  }

  bytes(row: number): number {
    const value = this.#values[row] ?? 0
    const rest = value < 0 ? -value : value
    let digits = 1
    for (let scale = 10; scale <= rest; scale *= 10) digits++
    return value < 0 ? digits + 1 : digits
  }

  write(into: Uint8Array, start: number, row: number): number {
    let rest = this.#values[row] ?? 0
    let at = start
    if (rest < 0) {
      into[at++] = DASH
      rest = -rest
    }
    let end = at + 1
    for (let scale = 10; scale <= rest; scale *= 10) end++
    for (let digit = end - 1; digit >= at; digit--) {
      const tenth = Math.floor(rest / 10)
      into[digit] = ZERO + rest - tenth * 10
      rest = tenth
    }
    return end
  }
}

export class TimePiece implements Piece {
  readonly isFixed = false
  readonly bytesEach: number = TIME_BYTES
  readonly #values: readonly number[]

  constructor(values: readonly number[]) {
    this.#values = values
  }

  bytes(): number {
    return TIME_BYTES
  }

  write(into: Uint8Array, at: number, row: number): number {
    writeTime(into, at, this.#values[row] ?? 0)
    return at + TIME_BYTES
  }
}

/** Hexadecimal digits of a value in a pool, or in a column of its own. */
export class HexPiece implements Piece {
  readonly isFixed = false
  readonly bytesEach: number
  readonly #pool: Uint8Array
  readonly #places: readonly number[] | undefined
  readonly #length: number

  constructor(
    pool: Uint8Array,
    options: { readonly length: number; readonly places?: readonly number[] },
  ) {
    this.#pool = pool
    this.#places = options.places
    this.#length = options.length
    this.bytesEach = 2 * this.#length
  }

  bytes(): number {
    return this.bytesEach
  }

  write(into: Uint8Array, at: number, row: number): number {
    const length = this.#length
    const from = (this.#places === undefined ? row : (this.#places[row] ?? 0)) * length
    return writeHex(this.#pool, from, from + length, into, at)
  }
}

/** Where each part of a UUID ends. */
const UUID_PARTS = [4, 6, 8, 10, 16]
const UUID_BYTES = 16

export class UuidPiece implements Piece {
  readonly isFixed = false
  readonly bytesEach: number = 2 * UUID_BYTES + UUID_DASHES
  readonly #pool: Uint8Array
  readonly #places: readonly number[]

  constructor(pool: Uint8Array, places: readonly number[]) {
    this.#pool = pool
    this.#places = places
  }

  bytes(): number {
    return this.bytesEach
  }

  write(into: Uint8Array, start: number, row: number): number {
    const first = (this.#places[row] ?? 0) * UUID_BYTES
    let at = start
    let from = first
    for (const part of UUID_PARTS) {
      if (from > first) into[at++] = DASH
      at = writeHex(this.#pool, from, first + part, into, at)
      from = first + part
    }
    return at
  }
}

function writeHex(
  pool: Uint8Array,
  from: number,
  end: number,
  into: Uint8Array,
  start: number,
): number {
  let at = start
  for (let byte = from; byte < end; byte++) {
    const value = pool[byte] ?? 0
    into[at] = HIGH[value] ?? 0
    into[at + 1] = LOW[value] ?? 0
    at += 2
  }
  return at
}

function copy(source: Uint8Array, into: Uint8Array, at: number): number {
  if (source.length > COPY_BYTES_MIN) into.set(source, at)
  else for (let byte = 0; byte < source.length; byte++) into[at + byte] = source[byte] ?? 0
  return at + source.length
}

import { type ByteReader, type ByteWriter, malformed } from './byte-stream.ts'

/**
 * A column of integers below 2^51 in size:
 *
 *     0x00 value                                  all the same
 *     0x01 minimum, width; planes                 value − minimum in `width` bytes
 *     0x02 first, minimum, width; planes          the same of the differences
 *     0x03 count; column; column                  distinct values, then for each row which of them;
 *                                                 neither of these two is one of this kind
 *
 * Planes go to a stream of their own, lowest byte of every row first: like stands with like.
 */
const SAME = 0
const DIRECT = 1
const DIFFERENCES = 2
const INDEXED = 3
const WIDTH_MAX = 7
/** No table has more rows, times its columns: a few bytes could ask for any number of integers. */
export const VALUES_MAX = 33_554_432

export interface NumberStreams<Stream> {
  readonly structure: Stream
  readonly numbers: Stream
}

/** The first `count` of `values`. */
export function writeIntegers(
  values: Float64Array,
  count: number,
  to: NumberStreams<ByteWriter>,
): void {
  const range = rangeOf(values, count)
  if (range.low === range.high) {
    to.structure.byte(SAME)
    to.structure.signed(range.low)
    return
  }
  const steps = stepsOf(values, count)
  const direct = count * widthOf(range.high - range.low)
  const stepped = (count - 1) * widthOf(steps.high - steps.low)
  const best = Math.min(direct, stepped)
  const distinct = best > count ? distinctOf(values, count, best) : undefined
  if (distinct !== undefined) {
    to.structure.byte(INDEXED)
    to.structure.number(distinct.count)
    writeIntegers(distinct.values, distinct.count, to)
    writeIntegers(distinct.rows, count, to)
  } else if (stepped < direct) {
    to.structure.byte(DIFFERENCES)
    to.structure.signed(values[0] ?? 0)
    writePlanes(differencesOf(values, count), count - 1, steps, to)
  } else {
    to.structure.byte(DIRECT)
    writePlanes(values, count, range, to)
  }
}

export function readIntegers(count: number, from: NumberStreams<ByteReader>): readonly number[] {
  const mode = from.structure.byte()
  return mode === INDEXED ? readIndexed(count, from) : readPlain(count, mode, from)
}

function readPlain(
  count: number,
  mode: number,
  from: NumberStreams<ByteReader>,
): readonly number[] {
  const { structure } = from
  if (count > VALUES_MAX) throw malformed(`column of ${count} integers`)
  if (mode === SAME) return same(count, structure.signed())
  if (mode === DIRECT) return readPlanes(count, from)
  if (mode === DIFFERENCES) {
    let value = structure.signed()
    const values = filled(Math.max(1, count), value)
    const steps = readPlanes(count - 1, from)
    for (let row = 0; row < steps.length; row++) {
      value += steps[row] ?? 0
      values[row + 1] = value
    }
    return values
  }
  throw malformed(`integer column of mode ${mode}`)
}

function readIndexed(count: number, from: NumberStreams<ByteReader>): readonly number[] {
  const { structure } = from
  const distinctCount = structure.number()
  if (distinctCount > count) throw malformed(`${distinctCount} distinct values of ${count}`)
  const distinct = readPlain(distinctCount, structure.byte(), from)
  return readPlain(count, structure.byte(), from).map((row) => {
    const value = distinct[row]
    if (value === undefined) throw malformed(`row points at value ${row}`)
    return value
  })
}

/**
 * As `readIntegers`, into memory that the caller has: for who reads many. What a row of distinct
 * values points at is looked up in place.
 */
export function readIntegersInto(
  into: Float64Array,
  at: number,
  count: number,
  from: NumberStreams<ByteReader>,
): void {
  const mode = from.structure.byte()
  if (mode !== INDEXED) {
    readPlainInto(into, at, count, mode, from)
    return
  }
  const distinctCount = from.structure.number()
  if (distinctCount > count) throw malformed(`${distinctCount} distinct values of ${count}`)
  const distinct = readPlain(distinctCount, from.structure.byte(), from)
  readPlainInto(into, at, count, from.structure.byte(), from)
  for (let row = at; row < at + count; row++) {
    const value = distinct[into[row] ?? -1]
    if (value === undefined) throw malformed(`row points at value ${into[row]}`)
    into[row] = value
  }
}

function readPlainInto(
  into: Float64Array,
  at: number,
  count: number,
  mode: number,
  from: NumberStreams<ByteReader>,
): void {
  if (mode === SAME) into.fill(from.structure.signed(), at, at + count)
  else if (mode === DIRECT) readPlanesInto(into, at, count, from)
  else if (mode === DIFFERENCES) {
    into[at] = from.structure.signed()
    readPlanesInto(into, at + 1, count - 1, from)
    for (let row = at + 1; row < at + count; row++)
      into[row] = (into[row] ?? 0) + (into[row - 1] ?? 0)
  } else throw malformed(`integer column of mode ${mode}`)
}

function readPlanesInto(
  into: Float64Array,
  at: number,
  count: number,
  { structure, numbers }: NumberStreams<ByteReader>,
): void {
  const low = structure.signed()
  const width = structure.byte()
  if (width > WIDTH_MAX || count < 0) throw malformed(`${count} integers of ${width} bytes`)
  into.fill(low, at, at + count)
  for (let plane = 0, scale = 1; plane < width; plane++, scale *= 0x100) {
    const bytes = numbers.take(count)
    for (let row = 0; row < count; row++) {
      into[at + row] = (into[at + row] ?? 0) + (bytes[row] ?? 0) * scale
    }
  }
}

interface Range {
  readonly low: number
  readonly high: number
}

function rangeOf(values: Float64Array, count: number): Range {
  let low = count > 0 ? (values[0] ?? 0) : 0
  let high = low
  for (let at = 1; at < count; at++) {
    const value = values[at] ?? 0
    if (value < low) low = value
    else if (value > high) high = value
  }
  return { low, high }
}

/** Of the differences; of more than one value. */
function stepsOf(values: Float64Array, count: number): Range {
  let low = (values[1] ?? 0) - (values[0] ?? 0)
  let high = low
  for (let at = 2; at < count; at++) {
    const step = (values[at] ?? 0) - (values[at - 1] ?? 0)
    if (step < low) low = step
    else if (step > high) high = step
  }
  return { low, high }
}

let differences = new Float64Array(256)

/** Lasts until the next call. */
function differencesOf(values: Float64Array, count: number): Float64Array {
  if (differences.length < count) differences = new Float64Array(2 * count)
  for (let at = 1; at < count; at++) {
    differences[at - 1] = (values[at] ?? 0) - (values[at - 1] ?? 0)
  }
  return differences
}

/** An index of one byte points at so many values. */
const DISTINCT_MAX = 256
const SLOTS = 1_024

interface Distinct {
  readonly values: Float64Array
  readonly count: number
  readonly rows: Float64Array
}

/** Worth it only when the distinct values and an index take less than `best` bytes. */
function distinctOf(values: Float64Array, count: number, best: number): Distinct | undefined {
  // Values that never repeat would be their own index, without end.
  const countMax = Math.min(Math.floor((best - count) / 2), DISTINCT_MAX - 1, count - 1)
  const places = new Int16Array(SLOTS)
  const distinct = new Float64Array(Math.max(countMax, 0))
  const rows = new Float64Array(count)
  let found = 0
  for (let at = 0; at < count; at++) {
    const value = values[at] ?? 0
    let slot = slotOf(value)
    while (places[slot] !== 0 && distinct[(places[slot] ?? 0) - 1] !== value) {
      slot = (slot + 1) % SLOTS
    }
    if (places[slot] === 0) {
      if (found >= countMax) return undefined
      distinct[found] = value
      places[slot] = ++found
    }
    rows[at] = (places[slot] ?? 0) - 1
  }
  return { values: distinct, count: found, rows }
}

function slotOf(value: number): number {
  const mixed = Math.imul(value | 0, 0x9e3779b1) ^ Math.imul((value / WORD) | 0, 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) & (SLOTS - 1)
}

const WORD = 0x1_0000_0000

function widthOf(span: number): number {
  let width = 0
  for (let rest = span; rest > 0; rest = Math.floor(rest / 0x100)) width++
  return width
}

function writePlanes(
  values: Float64Array,
  count: number,
  { low, high }: Range,
  { structure, numbers }: NumberStreams<ByteWriter>,
): void {
  const width = widthOf(high - low)
  structure.signed(low)
  structure.byte(width)
  let to = numbers.extend(width * count)
  const bytes = numbers.memory
  for (let plane = 0; plane < width; plane++) {
    const shift = 8 * (plane % WORD_BYTES)
    const isHigh = plane >= WORD_BYTES
    for (let at = 0; at < count; at++) {
      const value = (values[at] ?? 0) - low
      bytes[to++] = (isHigh ? value / WORD : value) >>> shift
    }
  }
}

const WORD_BYTES = 4

function readPlanes(count: number, { structure, numbers }: NumberStreams<ByteReader>): number[] {
  const low = structure.signed()
  const width = structure.byte()
  if (width > WIDTH_MAX) throw malformed(`integers of ${width} bytes`)
  const values = filled(count, low)
  for (let plane = 0, scale = 1; plane < width; plane++, scale *= 0x100) {
    const bytes = numbers.take(values.length)
    for (let row = 0; row < bytes.length; row++) {
      values[row] = (values[row] ?? 0) + (bytes[row] ?? 0) * scale
    }
  }
  return values
}

/** Of texts that are all the same, as most are, each is the first. */
const zeros: (readonly number[])[] = []
const ZEROS_MAX = 1_024

function same(count: number, value: number): readonly number[] {
  if (value !== 0 || count > ZEROS_MAX || count < 0) return filled(count, value)
  zeros[count] ??= filled(count, 0)
  return zeros[count]
}

/** Of one kind of elements from the start; an array that grows is copied again and again. */
function filled(count: number, value: number): number[] {
  const values: number[] = []
  values.length = Math.max(0, count)
  return values.fill(value)
}

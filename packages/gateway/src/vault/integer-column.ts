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

export function writeIntegers(values: readonly number[], to: NumberStreams<ByteWriter>): void {
  const range = rangeOf(values)
  if (range.low === range.high) {
    to.structure.byte(SAME)
    to.structure.signed(range.low)
    return
  }
  const differences = differencesOf(values)
  const steps = rangeOf(differences)
  const direct = values.length * widthOf(range.high - range.low)
  const stepped = differences.length * widthOf(steps.high - steps.low)
  const best = Math.min(direct, stepped)
  const distinct = best > values.length ? distinctOf(values, best) : undefined
  if (distinct !== undefined) {
    to.structure.byte(INDEXED)
    to.structure.number(distinct.values.length)
    writeIntegers(distinct.values, to)
    writeIntegers(distinct.rows, to)
  } else if (stepped < direct) {
    to.structure.byte(DIFFERENCES)
    to.structure.signed(values[0] ?? 0)
    writePlanes(differences, steps, to)
  } else {
    to.structure.byte(DIRECT)
    writePlanes(values, range, to)
  }
}

export function readIntegers(count: number, from: NumberStreams<ByteReader>): number[] {
  const mode = from.structure.byte()
  return mode === INDEXED ? readIndexed(count, from) : readPlain(count, mode, from)
}

function readPlain(count: number, mode: number, from: NumberStreams<ByteReader>): number[] {
  const { structure } = from
  if (count > VALUES_MAX) throw malformed(`column of ${count} integers`)
  if (mode === SAME) return filled(count, structure.signed())
  if (mode === DIRECT) return readPlanes(count, from)
  if (mode === DIFFERENCES) {
    const first = structure.signed()
    const steps = readPlanes(count - 1, from)
    const values = [first]
    for (let row = 0; row < steps.length; row++) values.push((values[row] ?? 0) + (steps[row] ?? 0))
    return values
  }
  throw malformed(`integer column of mode ${mode}`)
}

function readIndexed(count: number, from: NumberStreams<ByteReader>): number[] {
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

interface Range {
  readonly low: number
  readonly high: number
}

function rangeOf(values: readonly number[]): Range {
  let low = values[0] ?? 0
  let high = low
  for (let at = 1; at < values.length; at++) {
    const value = values[at] ?? 0
    if (value < low) low = value
    else if (value > high) high = value
  }
  return { low, high }
}

function differencesOf(values: readonly number[]): number[] {
  const differences: number[] = []
  for (let at = 1; at < values.length; at++) {
    differences.push((values[at] ?? 0) - (values[at - 1] ?? 0))
  }
  return differences
}

/** Worth it only when the distinct values and an index take less than `best` bytes. */
function distinctOf(
  values: readonly number[],
  best: number,
): { readonly values: number[]; readonly rows: number[] } | undefined {
  const places = new Map<number, number>()
  const rows: number[] = []
  const countMax = Math.floor((best - values.length) / 2)
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? 0
    let place = places.get(value)
    if (place === undefined) {
      place = places.size
      if (place >= countMax) return undefined
      places.set(value, place)
    }
    rows.push(place)
  }
  // Values that never repeat would be their own index, without end.
  const isUseless = places.size > 0xff || places.size === values.length
  return isUseless ? undefined : { values: [...places.keys()], rows }
}

function widthOf(span: number): number {
  let width = 0
  for (let rest = span; rest > 0; rest = Math.floor(rest / 0x100)) width++
  return width
}

function writePlanes(
  values: readonly number[],
  { low, high }: Range,
  { structure, numbers }: NumberStreams<ByteWriter>,
): void {
  const width = widthOf(high - low)
  structure.signed(low)
  structure.byte(width)
  for (let plane = 0, scale = 1; plane < width; plane++, scale *= 0x100) {
    for (let at = 0; at < values.length; at++) {
      numbers.byte(Math.floor(((values[at] ?? 0) - low) / scale) & 0xff)
    }
  }
}

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

function filled(count: number, value: number): number[] {
  const values: number[] = []
  for (let row = 0; row < count; row++) values.push(value)
  return values
}

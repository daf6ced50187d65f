import { copyBytes } from './byte-stream.ts'
import { KeyTable } from './key-table.ts'
import { NO_RECORD_ID } from './packed-record.ts'
import { type PackedRow, type RowSource, SECTION_HEAD_BYTES } from './packed-row.ts'

/** Sections are copied together: views would keep whole batches alive, for a segment long. */
const ARENA_BYTES = 1_048_576
/** Arenas that are kept for the next sections: about those of one busy segment. */
const SPARE_ARENAS_MAX = 16
const FIRST_SECTIONS = 1_024

/** What one person's pack of a segment will hold. */
export interface PersonRows extends RowSource {
  readonly keyId: Uint8Array
}

/**
 * The person-sealed sections of the segments that are not closed yet, in order. Kept as numbers:
 * objects for so many would be moved by one collection after the other.
 */
export class PendingPersons {
  #keys = new KeyTable()
  /** Of each section its entry, counted from `#base`, then as the names below say. */
  #sections = new Int32Array(FIELDS * FIRST_SECTIONS)
  #used = 0
  #base = 0
  #arenas: Arena[] = []
  #spare: Uint8Array[] = []

  /** Copies the `nth` section of the entry at `index`, which is under a key of its own. */
  add(index: number, row: PackedRow, nth: number): void {
    const from = row.from[nth] ?? NO_RECORD_ID
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    const id = row.ids[nth] ?? 0
    const arena = this.#arenaFor(SECTION_HEAD_BYTES + end - start)
    const at = putSection(arena, id, from, start, end)
    arena.lastIndex = index
    if (this.#used === 0) this.#base = index
    if (this.#used === this.#sections.length) this.#sections = doubled(this.#sections)
    const [sections, place] = [this.#sections, this.#used]
    sections[place] = index - this.#base
    sections[place + KEY] = this.#keys.of(from, row.keyAt[nth] ?? 0)
    sections[place + ID] = id
    sections[place + ARENA] = this.#arenas.length - 1
    sections[place + START] = at
    sections[place + END] = arena.used
    this.#used = place + FIELDS
  }

  /** The sections of entries from `first` to `end` − 1 by key, keys in order of first use. */
  between(first: number, end: number): readonly PersonRows[] {
    const sections = this.#sections.subarray(this.#placeOf(first), this.#placeOf(end))
    const { sorted, ends } = sortedByKey(sections, this.#keys.count)
    return ends.map((end, nth) => {
      const own = sorted.subarray(ends[nth - 1] ?? 0, end)
      return this.#rowsOf(own, first - this.#base)
    })
  }

  dropBefore(end: number): void {
    const from = this.#placeOf(end)
    const gone = this.#arenas.findIndex(({ lastIndex }) => lastIndex >= end)
    const spent = this.#arenas.splice(0, gone < 0 ? this.#arenas.length : gone)
    this.#keepSpare(spent)
    this.#sections.copyWithin(0, from, this.#used)
    this.#used -= from
    const keys = this.#keys
    this.#keys = new KeyTable()
    const passed = end - this.#base
    this.#base = end
    for (let place = 0; place < this.#used; place += FIELDS) {
      this.#sections[place] = (this.#sections[place] ?? 0) - passed
      this.#sections[place + KEY] = this.#keys.of(keys.id(this.#sections[place + KEY] ?? 0), 0)
      this.#sections[place + ARENA] = (this.#sections[place + ARENA] ?? 0) - spent.length
    }
  }

  /** One row an entry, its offset counted from `first`; the sections are those of one key. */
  #rowsOf(sections: Int32Array, first: number): PersonRows {
    const starts: number[] = []
    for (let place = 0; place < sections.length; place += FIELDS) {
      if (place === 0 || sections[place] !== sections[place - FIELDS]) starts.push(place)
    }
    return {
      keyId: this.#keys.id(sections[KEY] ?? 0),
      count: starts.length,
      read: (nth, row) => {
        const [start = 0, end = sections.length] = [starts[nth], starts[nth + 1]]
        row.offset = (sections[start] ?? 0) - first
        row.kind = 0
        row.memory = NO_RECORD_ID
        row.recordIdAt = 0
        row.isOpaque = false
        row.hasHeads = true
        row.count = (end - start) / FIELDS
        for (let place = start, at = 0; place < end; place += FIELDS, at++) {
          const bytes = this.#arenas[sections[place + ARENA] ?? 0]?.bytes ?? NO_RECORD_ID
          const id = sections[place + ID] ?? 0
          row.put(at, id, bytes, sections[place + START] ?? 0, sections[place + END] ?? 0)
        }
      },
    }
  }

  /** Of the first section that belongs to the entry at `index` or to a later one. */
  #placeOf(index: number): number {
    let [low, high] = [0, this.#used / FIELDS]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#sections[middle * FIELDS] ?? 0) + this.#base < index) low = middle + 1
      else high = middle
    }
    return low * FIELDS
  }

  #arenaFor(length: number): Arena {
    const last = this.#arenas.at(-1)
    if (last !== undefined && last.used + length <= last.bytes.length) return last
    const spare = length <= ARENA_BYTES ? this.#spare.pop() : undefined
    const bytes = spare ?? new Uint8Array(Math.max(ARENA_BYTES, length))
    const arena = { bytes, used: 0, lastIndex: -1 }
    this.#arenas.push(arena)
    return arena
  }

  #keepSpare(spent: readonly Arena[]): void {
    for (const { bytes } of spent) {
      if (bytes.length === ARENA_BYTES && this.#spare.length < SPARE_ARENAS_MAX) {
        this.#spare.push(bytes)
      }
    }
  }
}

/** What is kept of a section behind its entry: its key, id, arena, and where it stands there. */
const [KEY, ID, ARENA, START, END, FIELDS] = [1, 2, 3, 4, 5, 6]

interface Arena {
  readonly bytes: Uint8Array
  used: number
  lastIndex: number
}

/** The sections of each key together, keys in order of first use; and where those of each end. */
function sortedByKey(
  sections: Int32Array,
  keys: number,
): { readonly sorted: Int32Array; readonly ends: readonly number[] } {
  const next = new Int32Array(keys)
  const used: number[] = []
  for (let place = KEY; place < sections.length; place += FIELDS) {
    const key = sections[place] ?? 0
    if (next[key] === 0) used.push(key)
    next[key] = (next[key] ?? 0) + FIELDS
  }
  const ends: number[] = []
  let end = 0
  for (const key of used) {
    const start = end
    end += next[key] ?? 0
    next[key] = start
    ends.push(end)
  }
  const sorted = new Int32Array(sections.length)
  for (let place = 0; place < sections.length; place += FIELDS) {
    const key = sections[place + KEY] ?? 0
    const at = next[key] ?? 0
    for (let field = 0; field < FIELDS; field++) sorted[at + field] = sections[place + field] ?? 0
    next[key] = at + FIELDS
  }
  return { sorted, ends }
}

/** For fewer bytes a loop is cheaper than a call. */
const COPY_BYTES_MIN = 64

/**
 * As rows of packs have it: what one person said in one request is copied from here at once.
 * Returns where its bytes begin.
 */
function putSection(
  arena: Arena,
  id: number,
  from: Uint8Array,
  start: number,
  end: number,
): number {
  const { bytes, used } = arena
  const [at, length] = [used + SECTION_HEAD_BYTES, end - start]
  bytes[used] = id
  bytes[used + 1] = length >>> 16
  bytes[used + 2] = length >>> 8
  bytes[used + 3] = length
  bytes[used + 4] = 0
  if (length >= COPY_BYTES_MIN) copyBytes.call(from, bytes, at, start, end)
  else for (let byte = 0; byte < length; byte++) bytes[at + byte] = from[start + byte] ?? 0
  arena.used = at + length
  return at
}

function doubled(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * numbers.length)
  more.set(numbers)
  return more
}

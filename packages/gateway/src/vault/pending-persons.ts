import { copyBytes } from './byte-stream.ts'
import { NO_RECORD_ID } from './packed-record.ts'
import { type PackedRow, type RowSource, SECTION_HEAD_BYTES } from './packed-row.ts'

const KEY_ID_BYTES = 16
/** Sections are copied together: views would keep whole batches alive, for a segment long. */
const ARENA_BYTES = 1_048_576

/** What one person's pack of a segment will hold. */
export interface PersonRows extends RowSource {
  readonly keyId: Uint8Array
}

/** The person-sealed sections of the segments that are not closed yet, in order. */
export class PendingPersons {
  #groups = new GroupTable()
  #last: Group | undefined
  #arenas: Arena[] = []

  /** Copies the `nth` section of the entry at `index`, which is under a key of its own. */
  add(index: number, row: PackedRow, nth: number): void {
    const from = row.from[nth] ?? NO_RECORD_ID
    const [start, end] = [row.start[nth] ?? 0, row.end[nth] ?? 0]
    const arena = this.#arenaFor(SECTION_HEAD_BYTES + end - start)
    const id = row.ids[nth] ?? 0
    putHead(arena, id, end - start)
    const at = arena.used
    copyBytes.call(from, arena.bytes, at, start, end)
    arena.used += end - start
    arena.lastIndex = index
    this.#group(from, row.keyAt[nth] ?? 0).add(index, id, arena, at)
  }

  /** The sections of entries from `first` to `end` − 1 by key, keys in order of first use. */
  between(first: number, end: number): readonly PersonRows[] {
    const packs: PersonRows[] = []
    for (const group of this.#groups.all) {
      const rows = group.rows(first, end)
      if (rows.count > 0) packs.push(rows)
    }
    return packs
  }

  dropBefore(end: number): void {
    for (const group of this.#groups.all) group.dropBefore(end)
    this.#groups = new GroupTable(this.#groups.all.filter((group) => !group.isEmpty))
    this.#arenas = this.#arenas.filter(({ lastIndex }) => lastIndex >= end)
    this.#last = undefined
  }

  #arenaFor(length: number): Arena {
    const last = this.#arenas.at(-1)
    if (last !== undefined && last.used + length <= last.bytes.length) return last
    const bytes = new Uint8Array(Math.max(ARENA_BYTES, length))
    const arena = { bytes, used: 0, lastIndex: -1 }
    this.#arenas.push(arena)
    return arena
  }

  #group(from: Uint8Array, keyAt: number): Group {
    // A record's sections mostly have one key between them.
    if (this.#last?.hasKey(from, keyAt) === true) return this.#last
    this.#last = this.#groups.of(from, keyAt)
    return this.#last
  }
}

/** Groups by key id, in order of first use. A map would have a string made for each section. */
class GroupTable {
  readonly all: Group[]
  // Open addressing: 0 is empty, else a place among all and one.
  #slots: Int32Array

  constructor(groups: readonly Group[] = []) {
    this.all = [...groups]
    this.#slots = slotsFor(this.all)
  }

  /** The group under the key id at `keyAt`, made when there is none. */
  of(from: Uint8Array, keyAt: number): Group {
    const mask = this.#slots.length - 1
    let slot = hashOf(from, keyAt) & mask
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const group = this.all[(this.#slots[slot] ?? 0) - 1]
      if (group?.hasKey(from, keyAt) === true) return group
    }
    const made = new Group(from.slice(keyAt, keyAt + KEY_ID_BYTES))
    this.#slots[slot] = this.all.push(made)
    if (2 * this.all.length > this.#slots.length) this.#slots = slotsFor(this.all)
    return made
  }
}

const SLOTS_MIN = 64

function slotsFor(groups: readonly Group[]): Int32Array {
  let length = SLOTS_MIN
  while (length < 4 * groups.length) length *= 2
  const slots = new Int32Array(length)
  for (const [nth, { keyId }] of groups.entries()) {
    let slot = hashOf(keyId, 0) & (length - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (length - 1)
    slots[slot] = nth + 1
  }
  return slots
}

/** Of a key id, whose last bytes this gateway drew at random. */
function hashOf(from: Uint8Array, keyAt: number): number {
  const at = keyAt + KEY_ID_BYTES - 4
  return (
    ((from[at] ?? 0) << 24) |
    ((from[at + 1] ?? 0) << 16) |
    ((from[at + 2] ?? 0) << 8) |
    (from[at + 3] ?? 0)
  )
}

interface Arena {
  readonly bytes: Uint8Array
  used: number
  lastIndex: number
}

/** As rows of packs have it: what one person said in one request is copied from here at once. */
function putHead(arena: Arena, id: number, length: number): void {
  const { bytes, used: at } = arena
  bytes[at] = id
  bytes[at + 1] = length >>> 16
  bytes[at + 2] = length >>> 8
  bytes[at + 3] = length
  bytes[at + 4] = 0
  arena.used = at + SECTION_HEAD_BYTES
}

/** The sections under one key, kept as numbers: objects would be moved by each collection. */
class Group {
  readonly keyId: Uint8Array
  #arenas: Arena[] = []
  // Of each section its entry, id, arena, and where it begins and ends there.
  #places: number[] = []

  constructor(keyId: Uint8Array) {
    this.keyId = keyId
  }

  get isEmpty(): boolean {
    return this.#places.length === 0
  }

  hasKey(from: Uint8Array, keyAt: number): boolean {
    for (let at = 0; at < KEY_ID_BYTES; at++) {
      if (this.keyId[at] !== from[keyAt + at]) return false
    }
    return true
  }

  add(index: number, id: number, arena: Arena, start: number): void {
    if (this.#arenas.at(-1) !== arena) this.#arenas.push(arena)
    this.#places.push(index, id, this.#arenas.length - 1, start, arena.used)
  }

  /** One row an entry, its offset counted from `first`. */
  rows(first: number, end: number): PersonRows {
    const places = this.#places
    const starts: number[] = []
    let previous = -1
    let at = 0
    for (; at < places.length && (places[at] ?? 0) < end; at += FIELDS) {
      if (places[at] !== previous) starts.push(at)
      previous = places[at] ?? 0
    }
    starts.push(at)
    return {
      keyId: this.keyId,
      count: starts.length - 1,
      read: (nth, row) => this.#read(starts[nth] ?? 0, starts[nth + 1] ?? 0, first, row),
    }
  }

  dropBefore(end: number): void {
    let at = 0
    while (at < this.#places.length && (this.#places[at] ?? 0) < end) at += FIELDS
    if (at === 0) return
    this.#places = this.#places.slice(at)
    const gone = this.#places[2] ?? this.#arenas.length
    this.#arenas = this.#arenas.slice(gone)
    for (let place = 2; place < this.#places.length; place += FIELDS) {
      this.#places[place] = (this.#places[place] ?? 0) - gone
    }
  }

  #read(start: number, end: number, first: number, row: PackedRow): void {
    const places = this.#places
    row.offset = (places[start] ?? 0) - first
    row.kind = 0
    row.memory = NO_RECORD_ID
    row.recordIdAt = 0
    row.isOpaque = false
    row.hasHeads = true
    row.count = (end - start) / FIELDS
    for (let at = start, nth = 0; at < end; at += FIELDS, nth++) {
      const bytes = this.#arenas[places[at + 2] ?? 0]?.bytes ?? NO_RECORD_ID
      row.put(nth, places[at + 1] ?? 0, bytes, places[at + 3] ?? 0, places[at + 4] ?? 0)
    }
  }
}

const FIELDS = 5

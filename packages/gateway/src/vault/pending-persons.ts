import { mapKey } from './bytes.ts'

/** A person-sealed section that waits for its segment to close. */
export interface PendingSection {
  readonly index: number
  readonly keyId: Uint8Array
  readonly id: number
  readonly bytes: Uint8Array
}

/** Sections are copied together: views would keep whole batches alive, for a segment long. */
const ARENA_BYTES = 1_048_576

/** The person-sealed sections of the segments that are not closed yet, in order. */
export class PendingPersons {
  #groups = new Map<string, Group>()
  #arena: Uint8Array = new Uint8Array(0)
  #used = 0

  /** Copies the section. */
  add({ index, keyId, id, bytes }: PendingSection): void {
    const key = mapKey(keyId)
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = new Group(Uint8Array.from(keyId))
      this.#groups.set(key, group)
    }
    if (this.#used + bytes.length > this.#arena.length) {
      this.#arena = new Uint8Array(Math.max(ARENA_BYTES, bytes.length))
      this.#used = 0
    }
    this.#arena.set(bytes, this.#used)
    group.add(index, id, this.#arena, this.#used, bytes.length)
    this.#used += bytes.length
  }

  /** The sections of entries before `end` by key, keys in order of first use. They stay. */
  before(end: number): readonly (readonly PendingSection[])[] {
    return [...this.#groups.values()]
      .map((group) => group.sections(({ index }) => index < end))
      .filter(({ length }) => length > 0)
  }

  dropBefore(end: number): void {
    const rest = [...this.#groups.values()].flatMap((group) =>
      group.sections(({ index }) => index >= end),
    )
    this.#groups = new Map()
    this.#arena = new Uint8Array(0)
    this.#used = 0
    rest.sort((one, other) => one.index - other.index || one.id - other.id)
    for (const section of rest) this.add(section)
  }
}

/** The sections under one key, kept as numbers: objects would be moved by each collection. */
class Group {
  readonly #keyId: Uint8Array
  readonly #arenas: Uint8Array[] = []
  // Of each section its entry, id, arena, and where it begins and ends there.
  readonly #places: number[] = []

  constructor(keyId: Uint8Array) {
    this.#keyId = keyId
  }

  add(index: number, id: number, arena: Uint8Array, start: number, length: number): void {
    if (this.#arenas.at(-1) !== arena) this.#arenas.push(arena)
    this.#places.push(index, id, this.#arenas.length - 1, start, start + length)
  }

  sections(isWanted: (section: { readonly index: number }) => boolean): PendingSection[] {
    const found: PendingSection[] = []
    for (let at = 0; at < this.#places.length; at += FIELDS) {
      const [index = 0, id = 0, arena = 0, start = 0, end = 0] = this.#places.slice(at, at + FIELDS)
      if (!isWanted({ index })) continue
      const bytes = this.#arenas[arena]?.subarray(start, end) ?? NOTHING
      found.push({ index, keyId: this.#keyId, id, bytes })
    }
    return found
  }
}

const FIELDS = 5
const NOTHING = new Uint8Array(0)

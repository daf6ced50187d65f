import { crc32 } from 'node:zlib'
import type { Clock, Timer } from '../../platform/index.ts'
import type { HeaderFields } from '../header-fields.ts'
import { nothingRead, type Standing } from '../standing.ts'

/** Header fields that come again and again, and what was read of them. */
export interface RememberedHead {
  readonly fields: HeaderFields
  readonly standing: Standing
}

/** Of each of two generations: some 12 MB together where every head is as long as it may be. */
const GENERATION_HEADS_MAX = 1024
/** What nobody shows for so long, or twice as long, is forgotten: there are credentials in it. */
const GENERATION_MS = 60_000
/** Of checksums: it is as good as chance who shares a place with whom. */
const SEEN_MAX = 4096

/**
 * The header lines that came more than once lately, on whichever connections of a listener: many
 * callers may share a few connections, of which each then sees other lines with every request.
 * The runtime finds lines by a hash that it seeds by chance, and compares none whose hash differs:
 * how long it looks tells nobody how much of a guess is right.
 */
export class RememberedHeads {
  readonly #clock: Clock
  #young = new Map<string, RememberedHead>()
  #old = new Map<string, RememberedHead>()
  /** Lines that differ with every request are not kept: a checksum of them is. */
  readonly #seen = new Int32Array(SEEN_MAX)
  #timer: Timer | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(lines: string): RememberedHead | undefined {
    const found = this.#young.get(lines)
    if (found !== undefined || this.#old.size === 0) return found
    const older = this.#old.get(lines)
    if (older !== undefined) this.#put(lines, older)
    return older
  }

  /** Keeps them where they came before; says what of them stands from now on. */
  see(lines: string, fields: HeaderFields): Standing | undefined {
    const sum = crc32(lines) | 0
    const place = sum & (SEEN_MAX - 1)
    if (this.#seen[place] !== sum) {
      this.#seen[place] = sum
      return undefined
    }
    const standing = nothingRead()
    this.#put(lines, { fields, standing })
    return standing
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#young = new Map()
    this.#old = new Map()
  }

  #put(lines: string, head: RememberedHead): void {
    if (this.#young.size >= GENERATION_HEADS_MAX) this.#turn()
    this.#young.set(lines, head)
    this.#timer ??= this.#clock.after(GENERATION_MS, this.#onTime)
  }

  /** Made anew: a table that loses what it holds keeps the memory, and what was in it. */
  #turn(): void {
    this.#old = this.#young
    this.#young = new Map()
  }

  readonly #onTime = (): void => {
    this.#turn()
    this.#timer = this.#old.size === 0 ? undefined : this.#clock.after(GENERATION_MS, this.#onTime)
  }
}

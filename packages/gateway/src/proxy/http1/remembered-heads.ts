import type { Clock, Random, Timer } from '../../platform/index.ts'
import type { HeaderFields } from '../header-fields.ts'
import { nothingRead, type Standing } from '../standing.ts'
import { LineSums, type Lines } from './line-sums.ts'

/** Header fields that come again and again, and what was read of them. */
export interface RememberedHead extends Standing {
  readonly sum: number
  readonly lines: Buffer
  readonly fields: HeaderFields
}

/** Of each of two generations: some 20 MB together where every head is as long as it may be. */
const GENERATION_HEADS_MAX = 1024
/** What nobody shows for so long, or twice as long, is forgotten: there are credentials in it. */
const GENERATION_MS = 60_000
/** Of sums: it is as good as chance who shares a place with whom. */
const SEEN_MAX = 4096

/**
 * The header lines that came more than once lately, on whichever connections of a listener: many
 * callers may share a few connections, of which each then sees other lines with every request.
 * Lines are found by a sum of all of them, which begins with a seed of chance, and none are
 * compared whose sum differs: how long it takes tells nobody how much of a guess is right.
 */
export class RememberedHeads {
  readonly #clock: Clock
  readonly #sums: LineSums
  #young = new Map<number, RememberedHead>()
  #old = new Map<number, RememberedHead>()
  /** Lines that differ with every request are not kept: their sum is. */
  readonly #seen = new Int32Array(SEEN_MAX)
  #timer: Timer | undefined

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock
    this.#sums = new LineSums(random)
  }

  /** What `get`, `see` and `isOf` ask for. */
  sumOf(lines: Lines): number {
    return this.#sums.of(lines)
  }

  get(sum: number, lines: Lines): RememberedHead | undefined {
    const found = this.#young.get(sum) ?? this.#older(sum)
    return found !== undefined && isOf(found, sum, lines) ? found : undefined
  }

  /** Whether lines of that sum came before, and not long ago. */
  see(sum: number): boolean {
    const place = sum & (SEEN_MAX - 1)
    if (this.#seen[place] === sum) return true
    this.#seen[place] = sum
    return false
  }

  /** From now on what is read of them stands. */
  keep(sum: number, { bytes, from, to }: Lines, fields: HeaderFields): RememberedHead {
    const lines = Buffer.allocUnsafeSlow(to - from)
    bytes.copy(lines, 0, from, to)
    const head = { sum, lines, fields, ...nothingRead() }
    this.#put(head)
    return head
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#young = new Map()
    this.#old = new Map()
  }

  #older(sum: number): RememberedHead | undefined {
    const older = this.#old.size === 0 ? undefined : this.#old.get(sum)
    if (older !== undefined) this.#put(older)
    return older
  }

  #put(head: RememberedHead): void {
    if (this.#young.size >= GENERATION_HEADS_MAX) this.#turn()
    this.#young.set(head.sum, head)
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

/** Byte for byte. */
export function isOf(head: RememberedHead, sum: number, { bytes, from, to }: Lines): boolean {
  const { lines } = head
  if (head.sum !== sum || lines.length !== to - from) return false
  return bytes.compare(lines, 0, lines.length, from, to) === 0
}

import type { Schema } from '@countersign/evidence'
import { type Blobs, JsonScan, MARKS, Skeleton } from '../vault/index.ts'
import { type MarkRule, skeletonRules } from './quick-check.ts'
import { tellsBodies, textOf } from './shape-check.ts'
import { type ShapePlaces, shapePlaces } from './shape-places.ts'

/** Shapes that a section is held against before it is cut anew. */
const LATELY_MAX = 6
/** Skeletons whose rules are kept; honest ledgers have a few dozen. */
const SKELETONS_MAX = 4_096
/** No identifier has more bytes: where the next one begins. */
const DECODED_BYTES = 32

/** What sections of one schema have in common. */
export interface SectionShape {
  readonly skeleton: Skeleton
  readonly text: string
  /** Bodies are named in it. */
  readonly tellsBodies: boolean
  readonly places: ShapePlaces
  readonly rules: readonly MarkRule[]
  /** The texts that were found good last, by rule. */
  readonly good: (Uint8Array | undefined)[]
}

/**
 * Checks sections that stand as they are, as `ShapeChecks` does those in columns: what has the
 * shape of one before is held against that, and only what varies is looked at.
 */
export class SectionChecks {
  /** What was cut of the section that was checked last. */
  readonly scan = new JsonScan()
  readonly #lately = new Map<Schema, SectionShape[]>()
  readonly #known = new Map<Schema, Map<string, SectionShape | undefined>>()
  #bytes: Uint8Array = new Uint8Array(0)

  /** The shape of a section that is certainly as the schema says; its values are in `scan`. */
  check(schema: Schema, { memory, starts, ends }: Blobs, place: number): SectionShape | undefined {
    const [start, end] = [starts[place] ?? 0, ends[place] ?? 0]
    this.#bytes = memory
    const lately = this.#latelyOf(schema)
    for (let nth = 0; nth < lately.length; nth += 1) {
      const shape = lately[nth]
      if (shape === undefined || !this.scan.follows(shape.skeleton, memory, start, end)) continue
      if (nth > 0) moveFirst(lately, nth, shape)
      return this.#holds(shape) ? shape : undefined
    }
    if (!this.scan.scan(memory, start, end)) return undefined
    const shape = this.#scanned(schema)
    // Whatever is cut was held against the skeleton, byte for byte.
    if (shape === undefined || !this.scan.follows(shape.skeleton, memory, start, end)) {
      return undefined
    }
    lately.length = Math.min(lately.length, LATELY_MAX - 1)
    lately.unshift(shape)
    return this.#holds(shape) ? shape : undefined
  }

  /** The inside of the string in this column, of the section that was checked last. */
  textAt(column: number): string {
    return textOf(this.#bytes, this.scan.starts[column], this.scan.ends[column])
  }

  /** Whether that is what `text` says. */
  saysAt(column: number, text: Uint8Array): boolean {
    return this.#isGood(column, text)
  }

  /** A copy of its bytes. */
  bytesAt(column: number): Uint8Array {
    return this.#bytes.slice(this.scan.starts[column], this.scan.ends[column])
  }

  /** Where the identifier in this column begins in `scan.decoded`. */
  decodedAt(column: number): number {
    return column * DECODED_BYTES
  }

  #latelyOf(schema: Schema): SectionShape[] {
    const known = this.#lately.get(schema)
    if (known !== undefined) return known
    const lately: SectionShape[] = []
    this.#lately.set(schema, lately)
    return lately
  }

  #scanned(schema: Schema): SectionShape | undefined {
    const { skeleton: bytes, skeletonLength } = this.scan
    const text = bytes.toString('latin1', 0, skeletonLength)
    let bySkeleton = this.#known.get(schema)
    if (bySkeleton === undefined || bySkeleton.size >= SKELETONS_MAX) {
      bySkeleton = new Map()
      this.#known.set(schema, bySkeleton)
    }
    if (bySkeleton.has(text)) return bySkeleton.get(text)
    const rules = skeletonRules(schema, text)
    const skeleton = new Skeleton(Uint8Array.from(bytes.subarray(0, skeletonLength)))
    const shape = rules && {
      skeleton,
      text,
      tellsBodies: tellsBodies(text),
      places: shapePlaces(text),
      rules,
      good: [],
    }
    bySkeleton.set(text, shape)
    return shape
  }

  #holds({ skeleton, rules, good }: SectionShape): boolean {
    for (let nth = 0; nth < rules.length; nth += 1) {
      const rule = rules[nth] as MarkRule
      if ('minimum' in rule) {
        const value = this.scan.numbers[rule.column] ?? Number.NaN
        if (value < rule.minimum || value > rule.maximum) return false
      } else if ('isUuid7' in rule) {
        if (!this.#isUuid7(rule.column)) return false
      } else if (skeleton.marks[rule.column] !== MARKS.text) return false
      else if ('isPlain' in rule) {
        if (this.scan.isPlain[rule.column] !== 1) return false
      } else if (!this.#isGood(rule.column, good[nth])) {
        if (!rule.holds(this.textAt(rule.column))) return false
        good[nth] = this.bytesAt(rule.column)
      }
    }
    return true
  }

  #isUuid7(column: number): boolean {
    const at = column * DECODED_BYTES
    const { decoded } = this.scan
    return ((decoded[at + 6] ?? 0) & 0xf0) === 0x70 && ((decoded[at + 8] ?? 0) & 0xc0) === 0x80
  }

  /** Whether it is the text that was good before, as most are. */
  #isGood(column: number, good: Uint8Array | undefined): boolean {
    const bytes = this.#bytes
    const start = this.scan.starts[column] ?? 0
    if (good?.length !== (this.scan.ends[column] ?? 0) - start) return false
    for (let at = 0; at < good.length; at += 1) if (good[at] !== bytes[start + at]) return false
    return true
  }
}

function moveFirst(lately: SectionShape[], place: number, shape: SectionShape): void {
  lately.copyWithin(1, 0, place)
  lately[0] = shape
}

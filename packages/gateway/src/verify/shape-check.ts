import type { Schema } from '@countersign/evidence'
import { MARKS, type Shape, type ShapeColumn, type Table } from '../vault/index.ts'
import { type MarkRule, skeletonRules } from './quick-check.ts'

/** Skeletons whose rules are kept; honest ledgers have a few dozen. */
const SKELETONS_MAX = 4_096

/** The rows of a shape that are certainly as a schema says. */
export interface CheckedShape {
  holds(row: number): boolean
}

const NONE: CheckedShape = { holds: () => false }
const ALL: CheckedShape = { holds: () => true }

/** Checks the sections of a shape all at once: its skeleton first, then column by column. */
export class ShapeChecks {
  readonly #rules = new Map<Schema, Map<string, readonly MarkRule[] | undefined>>()
  /** By shape the last answer: a shape is rarely asked about under two schemas. */
  readonly #checked = new WeakMap<Shape, { readonly schema: Schema; readonly is: CheckedShape }>()

  check(table: Table, shape: Shape, schema: Schema): CheckedShape {
    const known = this.#checked.get(shape)
    if (known?.schema === schema) return known.is
    const is = checkColumns(table, shape, this.#rulesOf(schema, skeletonText(shape)))
    this.#checked.set(shape, { schema, is })
    return is
  }

  #rulesOf(schema: Schema, skeleton: string): readonly MarkRule[] | undefined {
    let bySkeleton = this.#rules.get(schema)
    if (bySkeleton === undefined || bySkeleton.size >= SKELETONS_MAX) {
      bySkeleton = new Map()
      this.#rules.set(schema, bySkeleton)
    }
    const known = bySkeleton.get(skeleton)
    if (known !== undefined || bySkeleton.has(skeleton)) return known
    const rules = skeletonRules(schema, skeleton)
    bySkeleton.set(skeleton, rules)
    return rules
  }
}

/** Whether sections of this skeleton name bodies, or digests of messages that chain to others. */
export function tellsBodies(skeleton: string): boolean {
  return skeleton.includes('"captured":') || skeleton.includes('"digests":')
}

export function skeletonText({ skeleton }: Shape): string {
  return textOf(skeleton)
}

export function textOf(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string {
  const { buffer, byteOffset, length } = bytes
  return Buffer.from(buffer, byteOffset, length).toString('latin1', start, end)
}

function checkColumns(
  table: Table,
  { columns, rows }: Shape,
  rules: readonly MarkRule[] | undefined,
): CheckedShape {
  if (rules === undefined) return NONE
  let bad: Uint8Array | undefined
  for (const rule of rules) {
    const column = columns[rule.column]
    if (column === undefined) return NONE
    const holds = rowCheck(table, column, rule)
    for (let row = 0; row < rows; row += 1) {
      if (holds(row)) continue
      bad ??= new Uint8Array(rows)
      bad[row] = 1
    }
  }
  return bad === undefined ? ALL : { holds: (row) => bad[row] === 0 }
}

function rowCheck(table: Table, column: ShapeColumn, rule: MarkRule): (row: number) => boolean {
  const { mark, values, texts } = column
  if ('holds' in rule || 'isPlain' in rule) {
    if (mark !== MARKS.text || texts === undefined) return () => false
    const good: boolean[] = []
    for (let nth = 0; nth < texts.count; nth += 1) {
      good.push('holds' in rule ? rule.holds(textOf(texts.at(nth))) : texts.every(nth, isPlain))
    }
    return (row) => good[values[row] ?? -1] === true
  }
  if ('isUuid7' in rule) return (row) => isUuid7(table.pools.uuid, values[row] ?? -1)
  const { minimum, maximum } = rule
  return (row) => {
    const value = values[row] ?? Number.NaN
    return minimum <= value && value <= maximum
  }
}

/** Printable ASCII without quote and backslash. */
export function isPlain(byte: number): boolean {
  return byte >= 0x20 && byte <= 0x7e && byte !== 0x22 && byte !== 0x5c
}

function isUuid7(pool: Uint8Array, place: number): boolean {
  const at = place * 16
  return ((pool[at + 6] ?? 0) & 0xf0) === 0x70 && ((pool[at + 8] ?? 0) & 0xc0) === 0x80
}

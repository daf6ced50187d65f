import {
  type Ended,
  type ExchangeFacts,
  type ExchangeKind,
  isExchangeKind,
  kindOfCode,
  type Schema,
  SECTIONS,
  type SectionId,
  sectionName,
  sectionSchema,
} from '@countersign/evidence'
import { CLOSED, type Form, type HashedRow, type Table, WHOLE } from '../vault/index.ts'
import { hasItsSections, isSame, uuidText } from './quick-record.ts'
import { SectionChecks, type SectionShape } from './section-check.ts'

const UUID_BYTES = 16
const KEY_BYTES = 16

interface PlainSection {
  readonly id: SectionId
  readonly schema: Schema
  readonly isClosed: boolean
}

/** What is known of all rows of a form. */
interface PlainPlan {
  readonly kind: ExchangeKind
  readonly kindBytes: Uint8Array
  readonly sections: readonly PlainSection[]
  readonly closed: readonly {
    readonly nth: number
    readonly id: SectionId
    readonly schema: Schema
  }[]
}

/** An end as it was last read, so that the same need not become text again. */
interface KnownEnd {
  readonly bytes: Uint8Array
  readonly text: Ended
}

/** Facts that are not whole yet. */
interface OpenFacts extends ExchangeFacts {
  ended: Ended | undefined
}

/**
 * Reads exchanges out of packs whose sections stand as they are, section by section. What it is not
 * certain of has no answer.
 */
export class PlainRecords {
  readonly #checks = new SectionChecks()
  readonly #plans = new WeakMap<Form, PlainPlan | 'none'>()
  #lastForm: Form | undefined
  #lastPlan: PlainPlan | undefined
  #lastEnd: KnownEnd | undefined

  /** Whether it is worth hashing a record for `read`. */
  knows(table: Table, row: number): boolean {
    return this.#plan(table.form(row)) !== undefined
  }

  /** The facts of a record that is as every schema says and as it is stored. */
  read(
    { table, row, person }: HashedRow,
    { index, ledgerKeyId }: { readonly index: number; readonly ledgerKeyId: Uint8Array },
    personHolds: (closed: PlainPlan['closed']) => boolean,
  ): ExchangeFacts | undefined {
    const plan = this.#plan(table.form(row))
    if (plan === undefined || (person === undefined) !== (plan.closed.length === 0))
      return undefined
    let facts: OpenFacts | undefined
    let isSealed = plan.closed.length === 0
    for (let nth = 0; nth < plan.sections.length; nth += 1) {
      const { id, schema, isClosed } = plan.sections[nth] as PlainSection
      if (isClosed) continue
      const shape = this.#checks.check(schema, table.blobs, table.place(row, nth))
      if (shape === undefined || shape.tellsBodies) return undefined
      if (id === SECTIONS.when) facts = this.#when(shape, plan, table, row, index)
      else if (id === SECTIONS.how) {
        const ended = this.#ended(shape)
        if (facts === undefined || ended === undefined) return undefined
        facts.ended = ended
      } else if (id === SECTIONS.seal) {
        isSealed = this.#sealed(shape, plan, table, row, ledgerKeyId)
        if (!isSealed) return undefined
      }
      if (facts === undefined) return undefined
    }
    return isSealed && personHolds(plan.closed) ? facts : undefined
  }

  /** Whether a person's section that stands as it is is as its schema says. */
  holds(table: Table, row: number, nth: number, schema: Schema): boolean {
    const shape = this.#checks.check(schema, table.blobs, table.place(row, nth))
    return shape !== undefined && !shape.tellsBodies
  }

  #plan(form: Form): PlainPlan | undefined {
    // Who asks whether it is known reads it next.
    if (form === this.#lastForm) return this.#lastPlan
    const before = this.#plans.get(form)
    const known = before ?? planOf(form) ?? 'none'
    if (before === undefined) this.#plans.set(form, known)
    this.#lastForm = form
    this.#lastPlan = known === 'none' ? undefined : known
    return this.#lastPlan
  }

  #when(
    { places: { when: places } }: SectionShape,
    { kind, kindBytes }: PlainPlan,
    table: Table,
    row: number,
    index: number,
  ): OpenFacts | undefined {
    if (places === undefined || !this.#checks.saysAt(places.kind, kindBytes)) return undefined
    const { decoded, numbers } = this.#checks.scan
    const recordId = (table.recordIds?.[row] ?? -1) * UUID_BYTES
    const idAt = this.#checks.decodedAt(places.id)
    if (!isSame(decoded, idAt, table.pools.uuid, recordId)) return undefined
    const isAbout = places.index >= 0
    return {
      index,
      kind,
      exchange: uuidText(decoded, this.#checks.decodedAt(places.exchange)),
      atUs: numbers[places.at] ?? 0,
      incarnation: numbers[places.incarnation] ?? 0,
      about: isAbout
        ? { epoch: numbers[places.epoch] ?? 0, index: numbers[places.index] ?? 0 }
        : undefined,
      ended: undefined,
      isRelaxed: places.isRelaxed,
    }
  }

  #ended({ places: { ended: column } }: SectionShape): Ended | undefined {
    if (column < 0) return undefined
    const last = this.#lastEnd
    if (last !== undefined && this.#checks.saysAt(column, last.bytes)) return last.text
    // The schema was held against it.
    const text = this.#checks.textAt(column) as Ended
    this.#lastEnd = { bytes: this.#checks.bytesAt(column), text }
    return text
  }

  /** Whether `seal` names the keys of the closed sections, and these are not the ledger's. */
  #sealed(
    { places: { seal } }: SectionShape,
    { closed }: PlainPlan,
    table: Table,
    row: number,
    ledgerKeyId: Uint8Array,
  ): boolean {
    if (closed.length === 0 || seal.named !== closed.length || !seal.isPlain) return false
    const pool = table.pools.hex16
    for (const { nth, id } of closed) {
      const key = (table.closedKeys[table.place(row, nth)] ?? -1) * KEY_BYTES
      const column = seal.columns[id] ?? -1
      const told = this.#checks.decodedAt(column)
      if (column < 0 || !isSame(pool, key, this.#checks.scan.decoded, told)) return false
      if (isSame(pool, key, ledgerKeyId, 0)) return false
    }
    return true
  }
}

function planOf(form: Form): PlainPlan | undefined {
  const kind = kindOfCode(form.kind)
  if (kind === undefined || !isExchangeKind(kind) || !hasItsSections(kind, form)) return undefined
  const sections: PlainSection[] = []
  const closed: { nth: number; id: SectionId; schema: Schema }[] = []
  for (const [nth, { id: code, template }] of form.sections.entries()) {
    if (template !== WHOLE && template !== CLOSED) return undefined
    const id = code as SectionId
    const schema = sectionSchema(sectionName(id), kind)
    sections.push({ id, schema, isClosed: template === CLOSED })
    if (template === CLOSED) closed.push({ nth, id, schema })
  }
  const [first] = sections
  const hasHow = sections.some(({ id, isClosed }) => id === SECTIONS.how && !isClosed)
  const saysHow = sections.some(({ id }) => id === SECTIONS.how)
  if (first?.id !== SECTIONS.when || first.isClosed || hasHow !== saysHow) return undefined
  return { kind, kindBytes: Buffer.from(kind), sections, closed }
}

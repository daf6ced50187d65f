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
import { CLOSED, type Form, type HashedRow, MARKS, type Table, WHOLE } from '../vault/index.ts'
import { columnIn, hasItsSections, isSame, isSealPlain, uuidText } from './quick-record.ts'
import { SectionChecks, type SectionShape } from './section-check.ts'

const UUID_BYTES = 16
const KEY_BYTES = 16
const [TEXT, INTEGER, UUID] = [MARKS.text, MARKS.integer, MARKS.uuid]
const [TIME, HEX16] = [MARKS.time, MARKS.hex16]

interface PlainSection {
  readonly id: SectionId
  readonly schema: Schema
  readonly isClosed: boolean
}

/** What is known of all rows of a form. */
interface PlainPlan {
  readonly kind: ExchangeKind
  readonly sections: readonly PlainSection[]
  readonly closed: readonly {
    readonly nth: number
    readonly name: string
    readonly schema: Schema
  }[]
}

/** Columns of a `when`; −1 where it says nothing of it. */
interface WhenPlaces {
  readonly kind: number
  readonly id: number
  readonly exchange: number
  readonly at: number
  readonly incarnation: number
  readonly epoch: number
  readonly index: number
  readonly isRelaxed: boolean
}

/**
 * Reads exchanges out of packs whose sections stand as they are, section by section. What it is not
 * certain of has no answer.
 */
export class PlainRecords {
  readonly #checks = new SectionChecks()
  readonly #plans = new WeakMap<Form, PlainPlan | 'none'>()
  readonly #whens = new WeakMap<SectionShape, WhenPlaces | 'none'>()
  readonly #endeds = new WeakMap<SectionShape, number>()
  readonly #seals = new WeakMap<SectionShape, ReadonlyMap<string, number>>()

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
    let facts: ExchangeFacts | undefined
    let isSealed = plan.closed.length === 0
    for (let nth = 0; nth < plan.sections.length; nth += 1) {
      const { id, schema, isClosed } = plan.sections[nth] as PlainSection
      if (isClosed) continue
      const shape = this.#checks.check(schema, table.blobs, table.place(row, nth))
      if (shape === undefined || shape.tellsBodies) return undefined
      if (id === SECTIONS.when) facts = this.#when(shape, plan.kind, table, row, index)
      else if (id === SECTIONS.how) {
        const ended = this.#ended(shape)
        if (facts === undefined || ended === undefined) return undefined
        facts = { ...facts, ended }
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
    const known = this.#plans.get(form)
    if (known !== undefined) return known === 'none' ? undefined : known
    const plan = planOf(form)
    this.#plans.set(form, plan ?? 'none')
    return plan
  }

  #when(
    shape: SectionShape,
    kind: ExchangeKind,
    table: Table,
    row: number,
    index: number,
  ): ExchangeFacts | undefined {
    let places = this.#whens.get(shape)
    if (places === undefined) {
      places = whenPlaces(shape.text) ?? 'none'
      this.#whens.set(shape, places)
    }
    if (places === 'none' || this.#checks.textAt(places.kind) !== kind) return undefined
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

  #ended(shape: SectionShape): Ended | undefined {
    const known = this.#endeds.get(shape)
    const column = known ?? columnIn(shape.text, '"ended":"', TEXT)
    if (known === undefined) this.#endeds.set(shape, column)
    // The schema was held against it.
    return column < 0 ? undefined : (this.#checks.textAt(column) as Ended)
  }

  /** Whether `seal` names the keys of the closed sections, and these are not the ledger's. */
  #sealed(
    shape: SectionShape,
    { closed }: PlainPlan,
    table: Table,
    row: number,
    ledgerKeyId: Uint8Array,
  ): boolean {
    let columns = this.#seals.get(shape)
    if (columns === undefined) {
      columns = sealColumns(shape, closed)
      this.#seals.set(shape, columns)
    }
    const named = shape.skeleton.marks.filter((mark) => mark === HEX16).length
    if (closed.length === 0 || named !== closed.length || !isSealPlain(shape.text)) return false
    const pool = table.pools.hex16
    for (const { nth, name } of closed) {
      const key = (table.closedKeys[table.place(row, nth)] ?? -1) * KEY_BYTES
      const column = columns.get(name) ?? -1
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
  const closed: { nth: number; name: string; schema: Schema }[] = []
  for (const [nth, { id: code, template }] of form.sections.entries()) {
    if (template !== WHOLE && template !== CLOSED) return undefined
    const id = code as SectionId
    const name = sectionName(id)
    const schema = sectionSchema(name, kind)
    sections.push({ id, schema, isClosed: template === CLOSED })
    if (template === CLOSED) closed.push({ nth, name, schema })
  }
  const [first] = sections
  const hasHow = sections.some(({ id, isClosed }) => id === SECTIONS.how && !isClosed)
  const saysHow = sections.some(({ id }) => id === SECTIONS.how)
  if (first?.id !== SECTIONS.when || first.isClosed || hasHow !== saysHow) return undefined
  return { kind, sections, closed }
}

/** Members of `when`, where each of them is a column; a clock that is told of is rare. */
function whenPlaces(text: string): WhenPlaces | undefined {
  const places = {
    kind: columnIn(text, '"kind":"', TEXT),
    id: columnIn(text, '"id":"', UUID),
    exchange: columnIn(text, '"exchange":"', UUID),
    at: columnIn(text, '"at":"', TIME),
    incarnation: columnIn(text, '"incarnation":', INTEGER),
    epoch: columnIn(text, '"epoch":', INTEGER),
    index: columnIn(text, '"index":', INTEGER),
    // Where it is said at all, the schema lets it say one thing.
    isRelaxed: text.includes('"recording":"'),
  }
  const { kind, id, exchange, at, incarnation, epoch, index } = places
  const isWhole = epoch >= 0 === index >= 0 && text.includes('"about":') === index >= 0
  const isThere = [kind, id, exchange, at, incarnation].every((column) => column >= 0)
  return isWhole && isThere && !text.includes('"clock":') ? places : undefined
}

function sealColumns(
  { text }: SectionShape,
  closed: PlainPlan['closed'],
): ReadonlyMap<string, number> {
  return new Map(closed.map(({ name }) => [name, columnIn(text, `"${name}":"`, HEX16)]))
}

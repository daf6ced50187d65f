import {
  checkSections,
  type Ended,
  EvidenceError,
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
import {
  CLOSED,
  type Form,
  type HashedRow,
  MARKS,
  type SealedRecord,
  type Shape,
  type Table,
  type Texts,
  WHOLE,
} from '../vault/index.ts'
import { PlainRecords } from './plain-record.ts'
import { type CheckedShape, ShapeChecks, skeletonText, tellsBodies, textOf } from './shape-check.ts'

const UUID_BYTES = 16
const KEY_BYTES = 16
const [TEXT, INTEGER, UUID] = [MARKS.text, MARKS.integer, MARKS.uuid]
const [TIME, HEX16] = [MARKS.time, MARKS.hex16]

/** What is known of all rows of a form, once its columns were checked. */
interface FormPlan {
  readonly kind: ExchangeKind
  readonly open: readonly { readonly nth: number; readonly checked: CheckedShape }[]
  readonly closed: readonly { readonly nth: number; readonly schema: Schema }[]
  readonly when: WhenColumns
  /** Which of `when`, `how` and the others is the record's nth. */
  readonly howNth: number
  readonly ended: Values<Ended> | undefined
  readonly sealNth: number
  /** By closed section: places of key ids. */
  readonly sealed: readonly (readonly number[])[]
}

interface PersonPlan {
  readonly kind: ExchangeKind
  readonly checked: readonly CheckedShape[]
}

interface WhenColumns {
  readonly kind: Values<string>
  readonly id: readonly number[]
  readonly exchange: readonly number[]
  readonly at: readonly number[]
  readonly incarnation: readonly number[]
  readonly aboutEpoch: readonly number[] | undefined
  readonly aboutIndex: readonly number[] | undefined
  readonly isRelaxed: boolean
}

/** A text for each row. */
interface Values<Text extends string> {
  readonly texts: readonly Text[]
  readonly rows: readonly number[]
}

/**
 * Reads exchanges out of columns: what `RecordAudit` reads from sections one by one, it knows here
 * of all rows of a shape at once. What it is not certain of has no answer.
 */
export class QuickRecords {
  readonly #plain = new PlainRecords()
  readonly #checks = new ShapeChecks()
  readonly #plans = new WeakMap<Form, FormPlan | 'none'>()
  /** What is known of a person's form, for the plan that asked last. */
  readonly #personal = new WeakMap<Form, PersonPlan>()

  /** Whether it is worth hashing a record for `read`. */
  knows({ table, row }: SealedRecord): boolean {
    if (table === undefined) return false
    if (isPlainTable(table)) return this.#plain.knows(table, row)
    return this.#plan(table, table.form(row)) !== undefined
  }

  /** The facts of a record that is as every schema says and as it is stored. */
  read(
    hashed: HashedRow,
    by: { readonly index: number; readonly ledgerKeyId: Uint8Array },
  ): ExchangeFacts | undefined {
    if (!isPlainTable(hashed.table)) return this.#readColumns(hashed, by)
    const kind = kindOfCode(hashed.table.form(hashed.row).kind)
    if (kind === undefined || !isExchangeKind(kind)) return undefined
    return this.#plain.read(hashed, by, (closed) =>
      this.#personHolds({ kind, closed }, hashed.person),
    )
  }

  #readColumns(
    { table, row, person }: HashedRow,
    { index, ledgerKeyId }: { readonly index: number; readonly ledgerKeyId: Uint8Array },
  ): ExchangeFacts | undefined {
    const plan = this.#plan(table, table.form(row))
    if (plan === undefined) return undefined
    for (const { nth, checked } of plan.open) {
      if (!checked.holds(table.place(row, nth))) return undefined
    }
    if (!this.#personHolds(plan, person) || !isSealed(plan, table, row, ledgerKeyId)) {
      return undefined
    }
    return factsOf(plan, table, row, index)
  }

  #personHolds(plan: Pick<FormPlan, 'kind' | 'closed'>, person: HashedRow['person']): boolean {
    const { closed } = plan
    if (closed.length === 0) return true
    if (person === undefined) return false
    const { table, row } = person
    if (isPlainTable(table)) {
      return closed.every(({ schema }, nth) => this.#plain.holds(table, row, nth, schema))
    }
    const form = table.form(row)
    let known = this.#personal.get(form)
    if (known?.kind !== plan.kind || known.checked.length !== closed.length) {
      known = { kind: plan.kind, checked: this.#personChecks(plan, table, form) }
      this.#personal.set(form, known)
    }
    const { checked } = known
    for (let nth = 0; nth < closed.length; nth += 1) {
      if (checked[nth]?.holds(table.place(row, nth)) !== true) return false
    }
    return true
  }

  #personChecks(
    { closed }: Pick<FormPlan, 'closed'>,
    table: Table,
    form: Form,
  ): readonly CheckedShape[] {
    return closed.flatMap(({ schema }, nth) => {
      const section = form.sections[nth]
      const shape = section?.template === WHOLE ? undefined : section && table.shape(section)
      return shape === undefined || namesBodies(shape)
        ? []
        : this.#checks.check(table, shape, schema)
    })
  }

  #plan(table: Table, form: Form): FormPlan | undefined {
    const known = this.#plans.get(form)
    if (known !== undefined) return known === 'none' ? undefined : known
    const plan = planOf(table, form, this.#checks)
    this.#plans.set(form, plan ?? 'none')
    return plan
  }
}

/** Its sections stand as they are, all of them. */
function isPlainTable({ shapes }: Table): boolean {
  return shapes.length === 0
}

function planOf(table: Table, form: Form, checks: ShapeChecks): FormPlan | undefined {
  const kind = kindOfCode(form.kind)
  if (kind === undefined || !isExchangeKind(kind) || !hasItsSections(kind, form)) return undefined
  const open: { nth: number; checked: CheckedShape }[] = []
  const closed: { nth: number; id: SectionId; schema: Schema }[] = []
  const shapes = new Map<number, { readonly nth: number; readonly shape: Shape }>()
  for (const [nth, section] of form.sections.entries()) {
    const id = section.id as SectionId
    const schema = sectionSchema(sectionName(id), kind)
    if (section.template === CLOSED) closed.push({ nth, id, schema })
    else if (section.template === 0) return undefined
    else {
      const shape = table.shape(section)
      if (namesBodies(shape)) return undefined
      shapes.set(id, { nth, shape })
      open.push({ nth, checked: checks.check(table, shape, schema) })
    }
  }
  const [first] = shapes.values()
  const when = first?.nth === 0 ? whenColumns(first.shape) : undefined
  const [how, seal] = [shapes.get(SECTIONS.how), shapes.get(SECTIONS.seal)]
  const sealed = sealColumns(seal?.shape, closed)
  const hasHow = form.sections.some(({ id }) => id === SECTIONS.how)
  const ended = how && endedOf(how.shape)
  if (when === undefined || sealed === undefined || hasHow !== (ended !== undefined)) {
    return undefined
  }
  return { kind, open, closed, when, howNth: how?.nth ?? 0, ended, sealNth: seal?.nth ?? 0, sealed }
}

/** What a record names beside itself is read one by one. */
function namesBodies(shape: Shape): boolean {
  return tellsBodies(skeletonText(shape))
}

export function hasItsSections(kind: ExchangeKind, { isOpaque, sections }: Form): boolean {
  try {
    checkSections(
      kind,
      sections.map(({ id }) => id),
    )
    return !isOpaque
  } catch (error) {
    if (error instanceof EvidenceError) return false
    throw error
  }
}

/** Members of `when`, where each of them is a column; a clock that is told of is rare. */
function whenColumns(shape: Shape): WhenColumns | undefined {
  const member = (name: string, mark: number): readonly number[] | undefined =>
    columnOf(shape, name, mark)?.values
  const [kind, id] = [columnOf(shape, '"kind":"', TEXT), member('"id":"', UUID)]
  const [exchange, at] = [member('"exchange":"', UUID), member('"at":"', TIME)]
  const incarnation = member('"incarnation":', INTEGER)
  const [aboutEpoch, aboutIndex] = [member('"epoch":', INTEGER), member('"index":', INTEGER)]
  const skeleton = skeletonText(shape)
  const isWhole = (aboutEpoch !== undefined) === (aboutIndex !== undefined)
  const isKnown = skeleton.includes('"about":') === (aboutIndex !== undefined)
  if (!isWhole || !isKnown || skeleton.includes('"clock":')) return undefined
  if (kind?.texts === undefined || id === undefined || exchange === undefined) return undefined
  if (at === undefined || incarnation === undefined) return undefined
  const kinds = { texts: textsOf(kind.texts), rows: kind.values }
  // Where it is said at all, the schema lets it say one thing.
  const isRelaxed = skeleton.includes('"recording":"')
  return { kind: kinds, id, exchange, at, incarnation, aboutEpoch, aboutIndex, isRelaxed }
}

function textsOf(texts: Texts): readonly string[] {
  return Array.from({ length: texts.count }, (_, nth) => textOf(texts.at(nth)))
}

function endedOf(shape: Shape): Values<Ended> | undefined {
  const column = columnOf(shape, '"ended":"', TEXT)
  if (column?.texts === undefined) return undefined
  // The schema was held against each of them.
  return { texts: textsOf(column.texts) as readonly Ended[], rows: column.values }
}

/** The keys that `seal` names: one for each closed section, and no more. */
function sealColumns(
  seal: Shape | undefined,
  closed: readonly { readonly id: SectionId }[],
): readonly (readonly number[])[] | undefined {
  if (seal === undefined) return closed.length === 0 ? [] : undefined
  const named = seal.columns.filter(({ mark }) => mark === HEX16)
  const columns: (readonly number[])[] = []
  for (const { id } of closed) {
    const column = columnOf(seal, `"${sectionName(id)}":"`, HEX16)
    if (column === undefined) return undefined
    columns.push(column.values)
  }
  return named.length === closed.length && isSealPlain(skeletonText(seal)) ? columns : undefined
}

/** Every string in it is a value that varies. */
export function isSealPlain(skeleton: string): boolean {
  return !/:"[^"]{2}/.test(skeleton)
}

/**
 * The column of the value behind `name`. Skeletons that were checked hold no quote but those of
 * names and whole strings, and no schema asked here has a name twice.
 */
function columnOf(shape: Shape, name: string, mark: number): Shape['columns'][number] | undefined {
  return shape.columns[columnIn(skeletonText(shape), name, mark)]
}

/** Its number; −1 where there is none. */
export function columnIn(skeleton: string, name: string, mark: number): number {
  const at = skeleton.indexOf(name)
  if (at < 0 || skeleton.charCodeAt(at + name.length) !== mark) return -1
  let column = 0
  for (let before = 0; before < at; before += 1) if (skeleton.charCodeAt(before) < 32) column += 1
  return column
}

/** Whether `seal` names the keys of the closed sections, and these are not the ledger's. */
function isSealed(
  { closed, sealed, sealNth }: FormPlan,
  table: Table,
  row: number,
  ledgerKeyId: Uint8Array,
): boolean {
  const pool = table.pools.hex16
  for (let nth = 0; nth < closed.length; nth += 1) {
    const key = table.closedKeys[table.place(row, closed[nth]?.nth ?? 0)] ?? -1
    const told = sealed[nth]?.[table.place(row, sealNth)] ?? -1
    if (key !== told && !isSame(pool, key * KEY_BYTES, pool, told * KEY_BYTES)) return false
    if (isSame(pool, key * KEY_BYTES, ledgerKeyId, 0)) return false
  }
  return true
}

function factsOf(
  { kind, when, ended, howNth }: FormPlan,
  table: Table,
  row: number,
  index: number,
): ExchangeFacts | undefined {
  const at = table.place(row, 0)
  const ids = table.pools.uuid
  const [id, recordId] = [when.id[at] ?? -1, table.recordIds?.[row] ?? -1]
  if (when.kind.texts[when.kind.rows[at] ?? -1] !== kind) return undefined
  if (id !== recordId && !isSame(ids, id * UUID_BYTES, ids, recordId * UUID_BYTES)) return undefined
  const [epoch, about] = [when.aboutEpoch?.[at], when.aboutIndex?.[at]]
  const exchangeAt = (when.exchange[at] ?? 0) * UUID_BYTES
  return {
    index,
    kind,
    exchange: uuidText(ids, exchangeAt),
    atUs: when.at[at] ?? 0,
    incarnation: when.incarnation[at] ?? 0,
    about: epoch === undefined || about === undefined ? undefined : { epoch, index: about },
    ended: ended?.texts[ended.rows[table.place(row, howNth)] ?? -1],
    isRelaxed: when.isRelaxed,
  }
}

/** As `textOf` of 16 bytes, without the view and the call that it costs. */
export function uuidText(ids: Uint8Array, at: number): string {
  return String.fromCharCode(
    ids[at] ?? 0,
    ids[at + 1] ?? 0,
    ids[at + 2] ?? 0,
    ids[at + 3] ?? 0,
    ids[at + 4] ?? 0,
    ids[at + 5] ?? 0,
    ids[at + 6] ?? 0,
    ids[at + 7] ?? 0,
    ids[at + 8] ?? 0,
    ids[at + 9] ?? 0,
    ids[at + 10] ?? 0,
    ids[at + 11] ?? 0,
    ids[at + 12] ?? 0,
    ids[at + 13] ?? 0,
    ids[at + 14] ?? 0,
    ids[at + 15] ?? 0,
  )
}

export function isSame(
  one: Uint8Array,
  oneAt: number,
  other: Uint8Array,
  otherAt: number,
): boolean {
  for (let at = 0; at < UUID_BYTES; at += 1) {
    if (one[oneAt + at] !== other[otherAt + at]) return false
  }
  return true
}

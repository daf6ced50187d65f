import type { Hash, LeafIndex } from '@countersign/tlog'
import type { Entry, LedgerErrorCode, Recovery } from '../../packages/gateway/src/ledger/index.ts'
import type { IntentDraft, RefusalDraft } from '../../packages/gateway/src/recorder/index.ts'
import { Risk, type WindowBounds, windowOf } from './risk.ts'

/** What must hold after every fault, by the name that a failure prints. */
export type Property =
  | 'acknowledged entries are there, byte for byte'
  | 'unacknowledged entries are whole or absent'
  | 'no index is given twice'
  | 'every checkpoint extends every earlier one'
  | 'a torn tail is cut and reported'
  | 'a failed flush is final for its instance'
  | 'a full disk refuses, and service resumes by itself'
  | 'one owner at a time'
  | 'nothing is forwarded without its intent'
  | 'nothing is released without its end'
  | 'nothing is acted on without a window'
  | 'a promised place is the place'
  | 'a crash takes no more than its window says'
  | 'what was asked is what is on record'
  | 'records keep the rules between them'
  | 'what could not be recorded is counted'
  | 'an old backup is refused'
  | 'every intent has one end'
  | 'what was sealed opens'
  | 'a body that is named is there'
  | 'a body that no record names goes away'
  | 'recovery is idempotent'
  | 'service returns when faults end'
  | 'files are used rightly'

/** A property that does not hold: the run ends here. */
export class Violation extends Error {
  readonly property: Property

  constructor(property: Property, what: string, options?: ErrorOptions) {
    super(`${property}: ${what}`, options)
    this.name = 'Violation'
    this.property = property
  }
}

/** One call of `append`, as the outside world knows it. */
export interface Attempt {
  readonly leaf: string
  readonly opens: boolean
  readonly closes: LeafIndex | undefined
  /** Of the record of a window: its bounds, and when it was appended. */
  readonly window: WindowBounds | undefined
  readonly atMs: number
  /** Where it was told to come to stand, before it was durable. */
  promised?: LeafIndex | undefined
  /** When it was acknowledged. */
  index?: LeafIndex
  /** The code with which it was refused. */
  refused?: LedgerErrorCode
}

/** Refusals that promise that nothing was written; LEDGER_DEAD promises nothing. */
const NOT_WRITTEN: readonly LedgerErrorCode[] = [
  'LEDGER_FULL',
  'LEDGER_UNAVAILABLE',
  'LEDGER_QUEUE_FULL',
  'LEDGER_BACKLOG',
  'LEDGER_INTENT_CLOSED',
]

export function wasNotWritten({ refused }: Attempt): boolean {
  return refused !== undefined && NOT_WRITTEN.includes(refused)
}

export interface Shown {
  readonly size: number
  readonly root: Hash
}

/** Where a record stands, as the recorder told. */
export interface Told {
  readonly index: number
  readonly leaf: Uint8Array
}

/** One request, as its client and the upstream know it. */
export interface Asked {
  readonly exchange: string
  readonly draft: IntentDraft | RefusalDraft
  /** What stood behind it when it was forwarded. */
  intent?: { readonly index: number; readonly leaf: string }
  /** What the client was given with its answer. */
  receipt?: { readonly index: number; readonly leaf: string }
  /** What stood behind its answer, where that came before its receipt. */
  promised?: { readonly index: number; readonly leaf: string }
  /** How it ended, as the client saw it. */
  how?: string
}

/** Everything that clients, the upstream and readers of the log were ever told. */
export class Model {
  readonly attempts = new Map<string, Attempt>()
  readonly acknowledged: Attempt[] = []
  /** Every request, by its exchange. */
  readonly asked = new Map<string, Asked>()
  /** Acknowledged intents, and those that recovery found, whose end is not acknowledged. */
  readonly unended = new Set<number>()
  /** What each incarnation found. */
  readonly recoveries = new Map<number, Recovery>()
  /** Largest size first seen with its root. */
  readonly shown = new Map<number, Hash>()
  readonly risk = new Risk()
  /** Captured bodies, by the digest of their files: that of their content. */
  readonly bodies = new Map<string, string>()

  submit({ leaf, opens, closes }: Entry, atMs: number = 0): Attempt {
    const window = windowOf(opens)
    const attempt = { leaf: hexOf(leaf), opens: opens !== undefined, closes, window, atMs }
    this.attempts.set(attempt.leaf, attempt)
    return attempt
  }

  /** The ledger says that an entry is durable. */
  acknowledge(attempt: Attempt, index: LeafIndex): void {
    const earlier = this.acknowledged[index]
    if (earlier !== undefined) {
      throw new Violation('no index is given twice', `index ${index} was acknowledged before`)
    }
    if (attempt.promised !== undefined && attempt.promised !== index) {
      const what = `${attempt.promised} was promised, ${index} it is`
      throw new Violation('a promised place is the place', what)
    }
    attempt.index = index
    this.acknowledged[index] = attempt
    this.risk.durable(attempt.leaf)
    if (attempt.closes !== undefined) this.risk.end(attempt.closes)
    if (attempt.window !== undefined) this.risk.begin(index, attempt.window, attempt.atMs)
    if (attempt.opens) this.unended.add(index)
    if (attempt.closes !== undefined) this.unended.delete(attempt.closes)
  }

  /** Somebody asks: this is what must come to be on record, or nothing. */
  ask(exchange: string, draft: IntentDraft | RefusalDraft): Asked {
    const asked = { exchange, draft }
    this.asked.set(exchange, asked)
    return asked
  }

  /** The upstream receives it. */
  forward(asked: Asked, intent: Told): void {
    this.#assertDurable('nothing is forwarded without its intent', intent)
    asked.intent = told(intent)
  }

  /** It receives it before the intent is durable, or the client its answer before the end is. */
  risks(asked: Asked, record: Told, at: { readonly nowMs: number; readonly how?: object }): void {
    const { index, leaf } = told(record)
    if (this.acknowledged[index]?.leaf !== leaf) this.risk.take(leaf, at.nowMs)
    if (at.how === undefined) asked.intent = { index, leaf }
    else {
      asked.promised = { index, leaf }
      asked.how = JSON.stringify(at.how)
    }
  }

  /** The client gets its answer, with a receipt. */
  release(asked: Asked, end: Told, how: object): void {
    this.#assertDurable('nothing is released without its end', end)
    asked.receipt = told(end)
    asked.how = JSON.stringify(how)
  }

  #assertDurable(property: Property, { index, leaf }: Told): void {
    if (this.acknowledged[index]?.leaf === hexOf(leaf)) return
    throw new Violation(property, `record ${index} is not durable yet`)
  }

  show(size: number, root: Hash): void {
    const before = this.shown.get(size)
    if (before === undefined) this.shown.set(size, root)
    else if (hexOf(before) !== hexOf(root)) {
      throw new Violation('every checkpoint extends every earlier one', `two roots of size ${size}`)
    }
  }

  /**
   * Holds the intents that recovery found open against what was acknowledged: an open one has no
   * acknowledged end, and one that nobody tried to end is open.
   */
  checkOpen(open: readonly { readonly index: LeafIndex }[]): void {
    const found = new Set(open.map(({ index }) => index))
    this.unended.clear()
    for (const index of found) this.unended.add(index)
    const attempts = [...this.attempts.values()]
    const closing = attempts.filter((attempt) => attempt.closes !== undefined)
    for (const { closes, index } of closing) {
      if (closes === undefined || index === undefined || !found.has(closes)) continue
      throw new Violation('every intent has one end', `${closes} was closed by ${index}, is open`)
    }
    const tried = new Set(
      closing.filter((attempt) => !wasNotWritten(attempt)).map(({ closes }) => closes),
    )
    for (const { index, opens } of attempts) {
      if (!opens || index === undefined || tried.has(index) || found.has(index)) continue
      throw new Violation('every intent has one end', `${index} is neither closed nor open`)
    }
  }

  /** One more than the largest acknowledged index. */
  get acknowledgedEnd(): number {
    return this.acknowledged.length
  }
}

function told({ index, leaf }: Told): { readonly index: number; readonly leaf: string } {
  return { index, leaf: hexOf(leaf) }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

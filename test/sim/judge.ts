import {
  type CapturedFacts,
  type CaptureFacts,
  type GapFacts,
  type Kind,
  kindOfCode,
  PairChecker,
  type SectionName,
  type SystemFacts,
  sectionName,
  type When,
  type WindowFacts,
} from '@countersign/evidence'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import type { OpenedRecord } from '../../packages/gateway/src/vault/index.ts'
import type { Covered, Hits } from './coverage.ts'
import type { Gateway } from './gateway.ts'
import { type Asked, type Model, Violation } from './model.ts'

interface Read {
  readonly index: number
  readonly kind: Kind
  readonly when: When
  readonly texts: Readonly<Partial<Record<SectionName, string>>>
}

/** There are no workers here that could be lost. */
interface NamesBodies {
  readonly body?: CaptureFacts
  readonly response?: CaptureFacts
}

const ACTS: Readonly<Record<Exclude<SystemFacts['act'], 'worker-lost'>, Covered>> = {
  start: 'record: start',
  recovery: 'record: recovery',
  heartbeat: 'record: heartbeat',
  stop: 'record: stop',
  space: 'record: space',
}

const WINDOWS: Readonly<Record<WindowFacts['act'], Covered>> = {
  open: 'record: window opened',
  renew: 'record: window renewed',
  close: 'record: window closed',
}

const CLOCKS: Readonly<Record<NonNullable<When['clock']>, Covered>> = {
  behind: 'record: clock behind',
  ahead: 'record: clock ahead',
  unknown: 'record: clock unknown',
}

/**
 * Holds what the records say against what was asked and answered. It is shown every record once,
 * in order of index: what a checkpoint covers never changes.
 */
export class Judge {
  readonly #model: Model
  readonly #hits: Hits
  readonly #pairs: PairChecker
  /** Intents whose end was not met yet, with their exchanges. */
  readonly #open = new Map<number, string>()
  readonly #kinds: Kind[] = []
  readonly #begun = new Map<string, number>()
  /** Captured bodies that records name, by the digest of their files. */
  readonly named = new Map<string, CapturedFacts>()
  readonly #gaps: { readonly incarnation: number; readonly unrecorded: number }[] = []

  constructor(parts: { readonly model: Model; readonly hits: Hits; readonly epoch: number }) {
    this.#model = parts.model
    this.#hits = parts.hits
    this.#pairs = new PairChecker({ epoch: parts.epoch, sha256: nodeSha256 })
  }

  /** How many records it has seen. */
  get judged(): number {
    return this.#kinds.length
  }

  judge(record: OpenedRecord): void {
    const read = readRecord(record)
    this.#kinds.push(read.kind)
    this.#checkPairs(read)
    const { index, kind, when } = read
    if (when.clock !== undefined) this.#hits.add(CLOCKS[when.clock])
    this.#noteBodies(read)
    if (kind === 'intent') this.#begin(read)
    else if (kind === 'refusal') this.#refuse(read)
    else if (kind === 'outcome') this.#end(read)
    else if (kind === 'gap') this.#gap(read)
    else if (kind === 'window') this.#window(read)
    else if (kind === 'block') this.#hits.add('record: block')
    else if (kind === 'epoch') this.#hits.add('record: epoch')
    else if (kind === 'system') this.#system(read)
    else if (kind !== 'config') throw unlike(index, `nobody asked for a record of ${kind}`)
  }

  #noteBodies({ texts: { what, how } }: Read): void {
    for (const text of [what, how]) {
      if (text?.includes('"captured"') !== true) continue
      const { body, response }: NamesBodies = JSON.parse(text)
      const captured = body?.captured ?? response?.captured
      if (captured !== undefined) this.named.set(captured.sha256, captured)
    }
  }

  /** Records from an index on that are not the ledger's own story. */
  exchangesFrom(index: number): readonly string[] {
    return this.#kinds.slice(index).filter((kind) => kind !== 'system' && kind !== 'block')
  }

  /** When nothing is under way any more: every intent has its end, every refused request counts. */
  finish(gateway: Gateway | undefined): void {
    const [open] = this.#open
    if (open !== undefined) {
      throw new Violation('every intent has one end', `intent ${open[0]} has none on record`)
    }
    const first = gateway?.incarnations[0]?.incarnation
    if (gateway === undefined || first === undefined) return
    const told = this.#gaps
      .filter(({ incarnation }) => incarnation >= first)
      .reduce((sum, { unrecorded }) => sum + unrecorded, 0)
    if (told === gateway.turnedAway) return
    const what = `${gateway.turnedAway} requests were turned away, gaps tell of ${told}`
    throw new Violation('what could not be recorded is counted', what)
  }

  #checkPairs({ index, kind, when, texts }: Read): void {
    const [act, how] = [texts.what, texts.how]
    const isAct = kind === 'system' || kind === 'gap' || kind === 'window'
    const violations = this.#pairs.add({
      index,
      when,
      ...(isAct && act !== undefined ? { act: JSON.parse(act) } : {}),
      ...(how === undefined ? {} : { how: JSON.parse(how) }),
    })
    const [first] = violations
    if (first === undefined) return
    const what = `record ${first.index}, ${first.rule}: ${first.why}`
    throw new Violation('records keep the rules between them', what)
  }

  #begin(read: Read): void {
    const { index } = read
    const { exchange } = this.#asAsked(read)
    this.#open.set(index, exchange)
  }

  #refuse(read: Read): void {
    const { draft } = this.#asAsked(read)
    if ('how' in draft && read.texts.how === JSON.stringify(draft.how)) return
    throw unlike(read.index, 'how it was refused')
  }

  /** Every section as it was asked, to the byte; a person's as well as the ledger's. */
  #asAsked({ index, when, texts }: Read): Asked {
    const asked = this.#model.asked.get(when.exchange ?? '')
    if (asked === undefined) throw unlike(index, 'nobody asked for it')
    const before = this.#begun.get(asked.exchange)
    if (before !== undefined) throw unlike(index, `record ${before} is of the same exchange`)
    this.#begun.set(asked.exchange, index)
    for (const name of ['who', 'where', 'what', 'why'] as const) {
      if (texts[name] !== JSON.stringify(asked.draft[name])) throw unlike(index, name)
    }
    return asked
  }

  #end({ index, when, texts }: Read): void {
    const about = when.about?.index ?? -1
    const exchange = this.#open.get(about)
    if (exchange === undefined || exchange !== when.exchange) {
      const what = `outcome ${index} ends ${about}, which is not open`
      throw new Violation('every intent has one end', what)
    }
    this.#open.delete(about)
    const asked = this.#model.asked.get(exchange)
    const { ended, error } = JSON.parse(texts.how ?? '{}')
    if (ended === 'interrupted') this.#hits.add('record: interrupted')
    if (error === 'outcome-unrecorded') this.#hits.add('record: end that was owed')
    if (asked?.promised !== undefined) this.#promisedEnd(asked, index, ended, texts.how)
    if (asked?.receipt === undefined) return
    const isTold = asked.receipt.index === index && asked.how === texts.how
    if (!isTold) throw unlike(index, 'how it ended, as its client was told')
  }

  /** What was answered before it was on record is that record, or was lost under its window. */
  #promisedEnd(asked: Asked, index: number, ended: string, how: string | undefined): void {
    if (asked.promised?.index === index && asked.how === how) return
    const leaf = asked.promised?.leaf ?? ''
    if (ended === 'interrupted' && this.#model.risk.mayBeLost.has(leaf)) return
    throw unlike(index, 'how it ended, as its client was answered')
  }

  #window({ texts }: Read): void {
    const { act }: WindowFacts = JSON.parse(texts.what ?? '{}')
    this.#hits.add(WINDOWS[act])
  }

  /** One that was not acknowledged is written again: it counts for nothing. */
  #gap({ index, when, texts }: Read): void {
    const { reason, unrecorded }: GapFacts = JSON.parse(texts.what ?? '{}')
    if (reason === 'window-interrupted') {
      this.#hits.add('record: gap, window')
      return
    }
    const isDown = reason === 'ledger-unavailable'
    this.#hits.add(isDown ? 'record: gap, unavailable' : 'record: gap, not running')
    if (this.#model.acknowledged[index] === undefined) return
    this.#gaps.push({ incarnation: when.incarnation, unrecorded })
  }

  #system({ index, when, texts }: Read): void {
    const facts: SystemFacts = JSON.parse(texts.what ?? '{}')
    if (facts.act === 'worker-lost') {
      throw new Violation(
        'records keep the rules between them',
        `record ${index} tells of a worker`,
      )
    }
    this.#hits.add(ACTS[facts.act])
    if (facts.act !== 'recovery') return
    const found = this.#model.recoveries.get(when.incarnation)
    if (found?.cut !== undefined) this.#hits.add('record: cut')
    if (found?.cut?.bytes === facts.cutBytes) return
    throw new Violation('a torn tail is cut and reported', `record ${index} tells otherwise`)
  }
}

function readRecord({ index, kind: code, sections }: OpenedRecord): Read {
  const kind = kindOfCode(code)
  if (kind === undefined) throw unlike(index, 'its kind')
  const texts: { [name in SectionName]?: string } = {}
  for (const { id, open } of sections) {
    const name = sectionName(id as Parameters<typeof sectionName>[0])
    if (open !== undefined) texts[name] = Buffer.from(open.bytes).toString()
  }
  const when: When = JSON.parse(texts.when ?? '{}')
  if (when.kind !== kind) throw unlike(index, 'its kind')
  return { index, kind, when, texts }
}

function unlike(index: number, what: string): Violation {
  return new Violation('what was asked is what is on record', `record ${index}: ${what}`)
}

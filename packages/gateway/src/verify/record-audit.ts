import {
  type ActFacts,
  checkSections,
  EvidenceError,
  encodeLeaf,
  formatUuid,
  type How,
  isExchangeKind,
  KINDS,
  type Kind,
  LEAF_BYTES,
  PairChecker,
  type PairViolation,
  type Progress,
  parseSection,
  parseWhen,
  SECTIONS,
  type Seal,
  type SectionId,
  sectionName,
  type What,
  type When,
} from '@countersign/evidence'
import { equalHashes, type Hash, hashLeaf, type Sha256 } from '@countersign/tlog'
import {
  type HashedRow,
  type OpenedRecord,
  type OpenedSection,
  parseBlockPath,
  type SealedRecord,
} from '../vault/index.ts'
import type { ToldBody } from './bodies-audit.ts'
import { quickText, quickWhen } from './quick-check.ts'
import { QuickRecords } from './quick-record.ts'
import type { Findings } from './report.ts'

/** What the log holds at an index: the entry, where its bundle can be read, and the tile's hash. */
export interface LogEntry {
  readonly index: number
  readonly entry: Uint8Array | undefined
  readonly leafHash: Hash | undefined
}

/** Facts that records state and that others are held against. */
export interface RecordFacts {
  /** A section that nobody here can open; the key may have been erased. */
  onClosed(section: OpenedSection, index: number): void
  onAct<Kind extends keyof ActFacts>(kind: Kind, facts: ActFacts[Kind], index: number): void
  /** A body that the record names, or says why it names none. */
  onBody(body: ToldBody, index: number): void
}

/** How many records are kept that their entries do not commit to. */
export const UNLIKE_MAX = 10_000

const EMPTY = new Uint8Array(0)

/** Holds opened records against the log, one after the other, and against each other. */
export class RecordAudit {
  readonly #sha256: Sha256
  readonly #facts: RecordFacts
  readonly #pairs: PairChecker
  readonly #to: Findings
  readonly #unlike = new Map<number, Hash>()
  readonly #quick = new QuickRecords()

  constructor(options: {
    readonly sha256: Sha256
    readonly epoch: number
    readonly facts: RecordFacts
    readonly to: Findings
  }) {
    this.#sha256 = options.sha256
    this.#facts = options.facts
    this.#pairs = new PairChecker(options)
    this.#to = options.to
  }

  /** A record that is not there, or cannot be opened: nothing is concluded from it. */
  skip(index: number): void {
    this.#pairs.skip(index)
  }

  /** The next record, in ascending order of index. */
  add(record: OpenedRecord, at: LogEntry): void {
    const { index } = at
    if (record.opaque !== undefined) this.#opaque(at)
    else if (this.#fits(record, at)) this.#read(record, index)
    else this.#pairs.skip(index)
  }

  /** Whether `addHashed` may know what to say about a record. */
  isPlain(record: SealedRecord): boolean {
    return this.#quick.knows(record)
  }

  /**
   * As `add`, of an exchange that is certainly good and whose leaf is its entry; false: nothing was
   * concluded, `add` it.
   */
  addHashed(hashed: HashedRow, { index, ledgerKey }: SealedRecord): boolean {
    const facts = this.#quick.read(hashed, { index, ledgerKeyId: ledgerKey.id })
    if (facts === undefined) return false
    // What it has counted is held against what was told of it before.
    const { kind, about } = facts
    if (kind === 'outcome' && about !== undefined && this.#pairs.hasProgress(about.index)) {
      return false
    }
    this.#tell(this.#pairs.addExchange(facts), index)
    return true
  }

  #tell(violations: readonly PairViolation[], index: number): void {
    for (const { rule, why } of violations) {
      this.#to.add('rule', `breaks the rule about ${rule}: ${why}`, { index })
    }
  }

  /** Something else than a record may be logged; what looks like a record's leaf must be one. */
  #opaque({ index, entry }: LogEntry): void {
    this.#pairs.skip(index)
    const isRecordLeaf = entry?.length === LEAF_BYTES && entry[0] === 1
    if (isRecordLeaf) this.#to.add('record', 'is stored as something else', { index })
    else this.#to.skip('record', 'is no record: its bytes have no meaning here', { index })
  }

  /** Whether the log commits to the record: by its entry, or by the hash that its tile tells. */
  #fits({ sections }: OpenedRecord, { index, entry, leafHash }: LogEntry): boolean {
    const leaf = sections.length === 0 ? EMPTY : encodeLeaf(this.#sha256, sections)
    if (entry !== undefined && equalHashes(leaf, entry)) return true
    const hash = hashLeaf(this.#sha256, leaf)
    if (leafHash !== undefined && equalHashes(hash, leafHash)) return true
    if (this.#unlike.size < UNLIKE_MAX) this.#unlike.set(index, hash)
    return false
  }

  /** Records whose leaf the log does not hold, by index: the hash that it would be. */
  get unlike(): ReadonlyMap<number, Hash> {
    return this.#unlike
  }

  #read(record: OpenedRecord, index: number): void {
    try {
      const parsed = this.#parse(record, index)
      const { when, act, how } = parsed
      if (act !== undefined) this.#facts.onAct(when.kind as keyof ActFacts, act, index)
      this.#tell(this.#pairs.add({ index, when, act, how }), index)
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error
      this.#pairs.skip(index)
      const unknown =
        error.code === 'EVIDENCE_UNKNOWN_KIND' || error.code === 'EVIDENCE_UNKNOWN_VERSION'
      if (unknown) this.#to.skip('record', `is not known here: ${error.message}`, { index })
      else this.#to.add('record', `is malformed: ${error.message}`, { index })
    }
  }

  #parse(record: OpenedRecord, index: number): Parsed {
    const whenBytes = bytesOf(record.sections, SECTIONS.when)
    const when = quickWhen(whenBytes) ?? parseWhen(whenBytes)
    const parsed: { when: When; act?: Parsed['act']; how?: Parsed['how']; seal?: Seal } = { when }
    checkSections(
      when.kind,
      record.sections.map(({ id }) => id),
    )
    for (const section of record.sections) {
      const { id, open } = section
      if (section.fault !== undefined) this.#closed(section, index)
      if (open === undefined || id === SECTIONS.when) continue
      const value = parsedSection(id as SectionId, when.kind, open.bytes)
      for (const body of bodiesIn(id, when.kind, value)) this.#facts.onBody(body, index)
      if (id === SECTIONS.how) parsed.how = value as How | Progress
      else if (id === SECTIONS.seal) parsed.seal = value as Seal
      else if (id === SECTIONS.what && isAct(when.kind)) parsed.act = value as Parsed['act']
    }
    agree(record, when, parsed.seal)
    return parsed
  }

  #closed(section: OpenedSection, index: number): void {
    const { id, fault } = section
    if (fault?.code === 'VAULT_KEY_MISSING') this.#facts.onClosed(section, index)
    else {
      const named = fault?.place.file ?? ''
      const file = parseBlockPath(named) === undefined ? null : named
      const why = `has a section ${sectionName(id as SectionId)} that is not as sealed`
      this.#to.add('record', `${why}: ${fault?.message}`, { index, file })
    }
  }
}

interface Parsed {
  readonly when: When
  readonly act?: ActFacts[keyof ActFacts] | undefined
  readonly how?: How | Progress | undefined
}

/** The section where its value matters to other records; in any case it is as its schema says. */
function parsedSection(id: SectionId, kind: Kind, bytes: Uint8Array): unknown {
  const text = quickText(sectionName(id), kind, bytes)
  if (text === undefined) return parseSection(id, kind, bytes)
  return TELLING.has(id) ? JSON.parse(text) : undefined
}

const TELLING: ReadonlySet<SectionId> = new Set([SECTIONS.how, SECTIONS.seal, SECTIONS.what])

/** Bodies of the exchange that the section tells of, captured or not. */
function bodiesIn(id: number, kind: Kind, value: unknown): readonly ToldBody[] {
  if (id === SECTIONS.what && !isAct(kind)) return present((value as What | undefined)?.body)
  if (id !== SECTIONS.how || kind === 'progress') return []
  const { request, response } = value as How
  return [...present(request), ...present(response)]
}

function present(body: ToldBody | undefined): readonly ToldBody[] {
  return body?.captured === undefined ? [] : [body]
}

function isAct(kind: Kind): boolean {
  return !isExchangeKind(kind)
}

function bytesOf(sections: readonly OpenedSection[], id: SectionId): Uint8Array {
  const open = sections.find((section) => section.id === id)?.open
  if (open !== undefined) return open.bytes
  throw new EvidenceError('EVIDENCE_SECTIONS', `no readable section ${sectionName(id)}`)
}

/** Throws EvidenceError unless what is stored beside the sections says what they say. */
export function assertAgrees(record: OpenedRecord): void {
  const when = parseWhen(bytesOf(record.sections, SECTIONS.when))
  const seal = record.sections.find(({ id }) => id === SECTIONS.seal)?.open
  const parsed = seal && (parseSection(SECTIONS.seal, when.kind, seal.bytes) as Seal)
  agree(record, when, parsed)
}

function agree(record: OpenedRecord, when: When, seal: Seal | undefined): void {
  if (KINDS[when.kind].code !== record.kind) {
    throw new EvidenceError('EVIDENCE_SECTIONS', `stored as kind ${record.kind}, not ${when.kind}`)
  }
  if (formatUuid(record.recordId) !== when.id) {
    throw new EvidenceError('EVIDENCE_SECTIONS', `stored under another id than ${when.id}`)
  }
  const sealed: Readonly<Record<string, string>> = seal?.keys ?? {}
  const { ledgerKeyId } = record
  const others = record.sections.filter(
    ({ keyId }) => keyId !== ledgerKeyId && !equalHashes(keyId, ledgerKeyId),
  )
  if (others.length !== Object.keys(sealed).length) {
    throw new EvidenceError('EVIDENCE_SECTIONS', 'seal names other sections than are sealed apart')
  }
  for (const { id, keyId } of others) {
    const name = sectionName(id as SectionId)
    if (sealed[name] === Buffer.from(keyId).toString('hex')) continue
    throw new EvidenceError('EVIDENCE_SECTIONS', `seal names another key for ${name}`)
  }
}

import type { ActFacts, BlockFile } from '@countersign/evidence'
import { HASH_BYTES, type Hash, type Sha256, TILE_WIDTH } from '@countersign/tlog'
import type { Disk } from '../platform/index.ts'
import {
  type BlockReader,
  type BodyReader,
  blockPath,
  type OpenedSection,
  parseBlockPath,
  type SealedBlock,
  type SealedRecord,
  VaultError,
} from '../vault/index.ts'
import { BodiesAudit, type ToldBody } from './bodies-audit.ts'
import type { BundleEntries } from './bundle-entries.ts'
import { digestOf, type FileRead, type FilesRead } from './files-read.ts'
import type { SignedLog } from './log-audit.ts'
import type { PersonsAudit } from './persons-audit.ts'
import { RecordAudit, type RecordFacts } from './record-audit.ts'
import type { Findings } from './report.ts'
import { type Source, strangeness } from './source.ts'
import type { BundleFacts, OnBundle } from './tree-audit.ts'
import type { WriteAhead } from './write-ahead.ts'

export interface RecordsOptions {
  readonly sha256: Sha256
  readonly reader: BlockReader
  readonly writeAhead: WriteAhead
  readonly bodies: BodyReader
  /** What the reader read. */
  readonly files: FilesRead
  readonly holdsKey: (keyId: string) => Promise<boolean>
  /** Reads below the epoch's directory. */
  readonly source: Source
  readonly epoch: number
  readonly signed: SignedLog
  /** What there is of files of persons. */
  readonly persons: PersonsAudit
  readonly to: Findings
  /** Names files relative to the data directory. */
  readonly toData: Findings
}

/** An entry, by its place in a bundle. */
interface InBundle {
  readonly bundle: BundleFacts
  readonly at: number
}

/** What stays unexplained until the whole ledger is read: an explanation comes after the fact. */
interface Missing {
  readonly index: number
  count: number
}

/**
 * Opens the records of a ledger, bundle by bundle beside the audit of its log, and holds each
 * against the entry that commits to it. What is missing must be explained by a later record that
 * names exactly it.
 */
export class RecordsAudit implements RecordFacts {
  readonly #options: RecordsOptions
  readonly #records: RecordAudit
  readonly #erased = new Set<string>()
  /** Keys of which a record says that they are gone, by id: that record. */
  readonly #erasedBy = new Map<string, number>()
  readonly #expired = new Set<string>()
  /** Persons' keys, by id in hexadecimal: what an erasure explains. */
  readonly #keys = new Map<string, Missing>()
  /** Keys of the ledger's own: nothing explains that one of these is gone. */
  readonly #ledgerKeys = new Map<string, Missing>()
  /** By block number. */
  readonly #absent = new Map<number, Missing>()
  /** Entries that the write-ahead log and the log do not tell alike. */
  readonly #aheadUnlike = new Set<number>()
  readonly #files: { readonly file: BlockFile; readonly index: number }[] = []
  readonly #bodies: BodiesAudit
  readonly #goneFiles: { readonly file: BlockFile; readonly index: number }[] = []

  constructor(options: RecordsOptions) {
    this.#options = options
    const { sha256, epoch, to } = options
    this.#bodies = new BodiesAudit({ reader: options.bodies, to: options.toData })
    this.#records = new RecordAudit({ sha256, epoch, facts: this, to })
  }

  readonly onBundle: OnBundle = async (bundle, facts) => {
    const { entries, width } = facts
    const block = await this.#block(bundle, width)
    for (const fault of block.faults) this.#fault(fault, bundle * TILE_WIDTH)
    let next = 0
    for (let at = 0; at < width; at += 1) {
      const index = bundle * TILE_WIDTH + at
      while ((block.records[next]?.index ?? index) < index) next += 1
      const record = block.records[next]?.index === index ? block.records[next] : undefined
      if (record === undefined) this.#missing(block, bundle, index)
      else if (!this.#quick(record, entries, at)) await this.#record(record, { bundle: facts, at })
      this.#writtenAhead(index, entries, at)
    }
    for (const { file, index } of this.#files.splice(0)) await this.#blockFile(file, index)
    await this.#bodies.read()
  }

  /** Whether the record is certainly good; false: nothing was concluded. */
  #quick(record: SealedRecord, entries: BundleEntries | undefined, at: number): boolean {
    if (entries === undefined || !this.#records.isPlain(record)) return false
    const hashed = this.#options.reader.hashed(record)
    if (hashed === undefined || !entries.is(at, hashed.leaf)) return false
    return this.#records.addHashed(hashed, record)
  }

  async #record(record: SealedRecord, { bundle, at }: InBundle): Promise<void> {
    const { entries, hashes } = bundle
    const { reader } = this.#options
    const isReady = await reader.prepare(record)
    if (isReady && this.#quick(record, entries, at)) return
    const entry = entries?.at(at)
    const leafHash = hashes?.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)
    this.#records.add(await reader.open(record), { index: record.index, entry, leafHash })
  }

  onClosed({ keyId }: OpenedSection, index: number): void {
    note(this.#keys, Buffer.from(keyId).toString('hex'), index)
  }

  onAct<Kind extends keyof ActFacts>(kind: Kind, facts: ActFacts[Kind], index: number): void {
    const act = { kind, facts } as Act
    if (act.kind === 'erasure') this.#erasure(act.facts, index)
    if (act.kind === 'retention') for (const file of act.facts.files) this.#expired.add(file)
    if (act.kind === 'block') for (const file of act.facts.files) this.#files.push({ file, index })
    if (act.kind === 'epoch') this.#epoch(act.facts, index)
  }

  onBody(body: ToldBody, index: number): void {
    this.#bodies.tell(body, index)
  }

  /** Looks for bodies that no record names, once all records were read. */
  walkBodies(disk: Disk, data: string, isWhole: boolean): Promise<void> {
    return this.#bodies.walk(disk, data, isWhole)
  }

  /** Records whose leaf the log does not hold; which of the two is wrong, the signed root tells. */
  get unlike(): ReadonlyMap<number, Hash> {
    return this.#records.unlike
  }

  #erasure({ act, keys }: ActFacts['erasure'], index: number): void {
    for (const key of keys) {
      this.#erased.add(key)
      if (act === 'done') this.#erasedBy.set(key, index)
    }
  }

  /** Names what nothing explained. `blamed`: entries that are not those that were signed. */
  async finish(blamed: ReadonlySet<number>): Promise<void> {
    const { to, holdsKey, persons, reader, signed } = this.#options
    for (const [key, index] of this.#erasedBy) {
      if (!(await holdsKey(key))) continue
      to.add('key', `record says that key ${key} was erased, and it is here`, { index })
    }
    this.#unexplained(blamed)
    await persons.finish({
      reader,
      size: signed.checkpoint.size,
      isErased: (keyId) => this.#erased.has(keyId),
      isMissed: (keyId) => this.#keys.has(keyId),
      to,
    })
    this.#bodies.finish({ expired: this.#expired, erased: this.#erased })
  }

  #unexplained(blamed: ReadonlySet<number>): void {
    const { to } = this.#options
    for (const index of this.unlike.keys()) {
      if (blamed.has(index)) continue
      to.add('record', 'is not what its entry in the log commits to', { index })
    }
    for (const index of this.#aheadUnlike) {
      if (blamed.has(index)) continue
      to.add('record', 'has another leaf in the write-ahead log', { index })
    }
    for (const [block, { index, count }] of this.#absent) {
      if (this.#expired.has(blockPath('records', block))) continue
      if (this.#expired.has(blockPath('acts', block))) continue
      const others = count > 1 ? ` (nor are ${count - 1} more of its block)` : ''
      to.add('record', `is in no block and no write-ahead segment${others}`, { index })
    }
    for (const [key, { index, count }] of this.#keys) {
      if (this.#erased.has(key)) continue
      const why = `needs key ${key} (${count} sections do), which is gone and was not erased`
      to.add('record', why, { index })
    }
    for (const [key, { index }] of this.#ledgerKeys) {
      to.add('record', `or one after it needs key ${key} of the ledger, which is gone`, { index })
    }
    for (const { file, index } of this.#goneFiles) {
      if (this.#expired.has(file.path)) continue
      to.add('block', `is gone, though record ${index} names it`, { file: file.path })
    }
  }

  /** A running gateway may put a wider file in place of the one that was about to be read. */
  async #block(bundle: number, width: number): Promise<SealedBlock> {
    const block = await this.#read(bundle)
    const whole = block.faults.length === 0 && block.records.length >= width
    return whole ? block : this.#read(bundle)
  }

  async #read(bundle: number): Promise<SealedBlock> {
    try {
      return await this.#options.reader.sealed(bundle)
    } catch (fault) {
      if (fault instanceof VaultError) return { records: [], faults: [fault] }
      const strange = strangeness(fault)
      if (strange === undefined) throw fault
      const why = `what it takes to read block ${bundle} ${strange}`
      return { records: [], faults: [new VaultError('VAULT_MALFORMED', why)] }
    }
  }

  #writtenAhead(index: number, entries: BundleEntries | undefined, at: number): void {
    if (entries === undefined || this.#options.writeAhead.agrees(index, entries, at)) return
    this.#aheadUnlike.add(index)
  }

  #fault(fault: VaultError, first: number): void {
    const { file, keyId } = fault.place
    const inBlock = file !== undefined && parseBlockPath(file) !== undefined
    if (fault.code === 'VAULT_KEY_MISSING' && keyId !== undefined && !inBlock) {
      note(this.#ledgerKeys, keyId, first)
      return
    }
    const place = inBlock ? { file } : { index: first }
    this.#options.to.add('block', `cannot be opened: ${fault.message}`, place)
  }

  /** A block that cannot be opened was named already; its records are not lost one by one. */
  #missing({ faults }: SealedBlock, block: number, index: number): void {
    this.#records.skip(index)
    if (faults.length === 0) note(this.#absent, block, index)
  }

  async #blockFile(file: BlockFile, index: number): Promise<void> {
    const { files, persons, to } = this.#options
    persons.named(file.path)
    if (parseBlockPath(file.path) === undefined) {
      to.skip('block', `record ${index} names a file that is not known here`, { file: file.path })
      return
    }
    const found = files.take(file.path) ?? (await this.#readFile(file, index))
    if (found === undefined) return
    if (found.sha256 === file.sha256 && found.bytes === file.bytes) return
    to.add('block', anotherThan(index), { file: file.path })
  }

  async #readFile(file: BlockFile, index: number): Promise<FileRead | undefined> {
    const { source, sha256, to } = this.#options
    const read = await source.read(file.path, file.bytes)
    if (read.kind === 'bytes') return digestOf(sha256, read.bytes)
    if (read.kind === 'missing') this.#goneFiles.push({ file, index })
    else to.add('block', `${anotherThan(index)}: it ${read.why}`, { file: file.path })
    return undefined
  }

  /** The keys that the log lists must be those that its own first record names. */
  #epoch({ epoch, origin, vkeys }: ActFacts['epoch'], index: number): void {
    const { signed, to } = this.#options
    const { checkpoint, keys } = signed
    const listed = keys.map(({ vkey }) => vkey).sort()
    const why = `is another than record ${index} names`
    if (origin !== checkpoint.origin) to.add('key', `origin ${why}`, { file: 'log/checkpoint' })
    if (epoch !== this.#options.epoch) to.add('key', `epoch ${why}`, { file: 'log' })
    if ([...vkeys].sort().join() !== listed.join()) {
      to.add('key', `list ${why}`, { file: 'log/vkeys' })
    }
  }
}

function anotherThan(index: number): string {
  return `is not the file that record ${index} names`
}

type Act = { [Kind in keyof ActFacts]: { kind: Kind; facts: ActFacts[Kind] } }[keyof ActFacts]

function note<Key>(missing: Map<Key, Missing>, key: Key, index: number): void {
  const known = missing.get(key)
  if (known === undefined) missing.set(key, { index, count: 1 })
  else known.count += 1
}

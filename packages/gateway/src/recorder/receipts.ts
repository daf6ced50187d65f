import { timingSafeEqual } from 'node:crypto'
import {
  type Disclosure,
  formatReceipt,
  KINDS,
  kindOfCode,
  makeDisclosure,
  parseWhen,
  pendingReceiptMessage,
  receiptMessage,
  SECTIONS,
} from '@countersign/evidence'
import {
  formatTlogProof,
  inclusionProof,
  type LeafIndex,
  leafIndex,
  tileHashReader,
} from '@countersign/tlog'
import type { Ledger, LedgerKeeper, LogReader } from '../ledger/index.ts'
import { nodeSha256 } from '../platform/index.ts'
import { type BlockReader, type OpenedRecord, type Vault, VaultError } from '../vault/index.ts'

/** A checkpoint is due at least this often while the log grows. */
export const RETRY_AFTER_SECONDS = 1

const SHOWN = [SECTIONS.when, SECTIONS.what, SECTIONS.how]

/** What somebody asks who holds a receipt, or only knows its place. */
export interface ReceiptRequest {
  readonly epoch: number
  readonly index: number
  /** The receipt's own `open`: the right to see what was recorded. */
  readonly open?: Uint8Array | undefined
}

/** The answer, as data: statuses and headers are for those who speak HTTP. */
export type ReceiptAnswer =
  /** There is no such record, or not here. */
  | { readonly kind: 'missing' }
  /** `open` is not this record's. */
  | { readonly kind: 'refused' }
  /** The value of the header that an answer could not have yet. */
  | { readonly kind: 'receipt'; readonly receipt: string }
  /** Durable, but no checkpoint covers it yet. */
  | { readonly kind: 'pending'; readonly retryAfterSeconds: number }
  /** The text of a C2SP tlog-proof. */
  | { readonly kind: 'proof'; readonly proof: string }
  /** The record first, then the other half of its exchange where it is known. */
  | { readonly kind: 'opened'; readonly records: readonly ProvedRecord[] }

/** A record with the sections that its caller may see, and the proof that it is in the log. */
export interface ProvedRecord {
  readonly epoch: number
  readonly index: number
  readonly proof: string
  readonly disclosure: Disclosure
}

export interface ReceiptServiceOptions {
  readonly keeper: LedgerKeeper
  readonly vault: Vault
  readonly log: LogReader
  readonly reader: BlockReader
  readonly origin: string
  readonly epoch: number
  /** The outcome of an intent, as far as the recorder remembers. */
  readonly endOf: (intent: LeafIndex) => LeafIndex | undefined
  /** Where a relaxed exchange has its end, as far as the recorder remembers. */
  readonly lateReceipt: (exchange: string) => LeafIndex | 'pending' | undefined
}

/** Turns receipts into evidence: what is proved to anybody, and shown to whoever holds one. */
export class ReceiptService {
  readonly #options: ReceiptServiceOptions
  #ledger: Ledger | undefined

  constructor(options: ReceiptServiceOptions) {
    this.#options = options
    options.keeper.onIncarnation((ledger) => {
      this.#ledger = ledger
    })
  }

  async answer({ epoch, index: number, open }: ReceiptRequest): Promise<ReceiptAnswer> {
    if (epoch !== this.#options.epoch) return { kind: 'missing' }
    const index = leafIndex(number)
    const published = this.#options.keeper.published
    if (published === undefined || index >= published.size) return this.#uncovered(index)
    const leaf = await this.#options.log.readLeaf(index, published.size)
    if (leaf === undefined) return { kind: 'missing' }
    const proof = await this.#prove(index)
    if (open === undefined) return { kind: 'proof', proof }
    if (!this.#isHolder(index, leaf, open)) return { kind: 'refused' }
    const record = await this.#read(index)
    if (record === undefined) return { kind: 'proof', proof }
    const records = [this.#proved(record, proof), ...(await this.#otherHalf(record))]
    return { kind: 'opened', records }
  }

  /** The receipt of an exchange that was answered before it could have one. */
  async late(exchange: string, open: Uint8Array | undefined): Promise<ReceiptAnswer> {
    const { origin, epoch, vault, keeper, log, lateReceipt } = this.#options
    const wanted = vault.receiptTag(pendingReceiptMessage({ origin, exchange }))
    const isHolder = open?.length === wanted.length && timingSafeEqual(open, wanted)
    if (!isHolder) return { kind: 'refused' }
    const index = lateReceipt(exchange)
    if (index === undefined) return { kind: 'missing' }
    const size = keeper.published?.size
    const isCovered = index !== 'pending' && size !== undefined && index < size
    if (!isCovered) return { kind: 'pending', retryAfterSeconds: RETRY_AFTER_SECONDS }
    const leaf = await log.readLeaf(index, size)
    if (leaf === undefined) return { kind: 'missing' }
    const tag = vault.receiptTag(receiptMessage({ origin, index, leaf }))
    return { kind: 'receipt', receipt: formatReceipt({ origin, epoch, index, leaf, open: tag }) }
  }

  #uncovered(index: LeafIndex): ReceiptAnswer {
    const ledger = this.#ledger
    if (ledger !== undefined && index >= ledger.size) return { kind: 'missing' }
    return { kind: 'pending', retryAfterSeconds: RETRY_AFTER_SECONDS }
  }

  #isHolder(index: LeafIndex, leaf: Uint8Array, open: Uint8Array): boolean {
    const { origin, vault } = this.#options
    const wanted = vault.receiptTag(receiptMessage({ origin, index, leaf }))
    return open.length === wanted.length && timingSafeEqual(open, wanted)
  }

  async #prove(index: LeafIndex): Promise<string> {
    const { keeper, log } = this.#options
    const published = keeper.published
    if (published === undefined) throw new RangeError('published checkpoint is gone')
    const { size, note } = published
    const reader = tileHashReader({
      sha256: nodeSha256,
      size,
      readTile: (path) => log.readTile(path),
    })
    const hashes = await inclusionProof(nodeSha256, { index, size }, reader)
    return formatTlogProof({ index, hashes, checkpoint: note })
  }

  /** Undefined where the record is of no exchange, or no key opens what is kept of it. */
  async #read(index: LeafIndex): Promise<OpenedRecord | undefined> {
    try {
      const record = await this.#options.reader.record(index)
      const kind = kindOfCode(record.kind)
      return kind !== undefined && KINDS[kind].blocks === 'records' ? record : undefined
    } catch (error) {
      // Erased, expired or damaged: the proof stands all the same, and `verify` tells which it is.
      if (error instanceof VaultError) return undefined
      throw error
    }
  }

  async #otherHalf(record: OpenedRecord): Promise<readonly ProvedRecord[]> {
    const index = this.#otherIndex(record)
    const size = this.#options.keeper.published?.size ?? 0
    if (index === undefined || index >= size) return []
    const other = await this.#read(index)
    return other === undefined ? [] : [this.#proved(other, await this.#prove(index))]
  }

  #otherIndex({ index, sections }: OpenedRecord): LeafIndex | undefined {
    const when = sections.find(({ id }) => id === SECTIONS.when)?.open
    if (when === undefined) return undefined
    const { kind, about } = parseWhen(when.bytes)
    if (kind === 'intent') return this.#options.endOf(leafIndex(index))
    return about?.epoch === this.#options.epoch ? leafIndex(about.index) : undefined
  }

  #proved({ index, sections }: OpenedRecord, proof: string): ProvedRecord {
    const held = sections.map(({ id, digest, open }) => ({ id, digest, opened: open }))
    return { epoch: this.#options.epoch, index, proof, disclosure: makeDisclosure(held, SHOWN) }
  }
}

import type { Receipt } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import type { Subject } from '../vault/index.ts'
import { bytesOfText } from './bytes-of-text.ts'
import type { ReceiptMaker } from './receipt-maker.ts'

/** What is told of a record when it is durable. */
export interface RecordedFacts {
  readonly epoch: number
  readonly index: LeafIndex
  /** 33 bytes, each a character. */
  readonly leafText: string
  /** UUIDv7 of the exchange, which is the request id. */
  readonly exchange: string
  /** The life of the ledger that holds it: no other may write its outcome. */
  readonly incarnation: number
  /** Under whose key the route puts `how`; undefined: the ledger's. */
  readonly howSubject: Subject | undefined
  /** Records of its exchange need not be durable before they are acted on. */
  readonly isRelaxed: boolean
}

/** A record of an exchange: durable, or relaxed and promised its place. */
export class Recorded implements RecordedFacts {
  /** Until then nobody outside may learn its place: a crash may give it to another record. */
  isDurable = true
  readonly epoch: number
  readonly index: LeafIndex
  readonly leafText: string
  readonly exchange: string
  readonly incarnation: number
  readonly howSubject: Subject | undefined
  readonly isRelaxed: boolean
  readonly #receipts: ReceiptMaker

  constructor(facts: RecordedFacts, receipts: ReceiptMaker) {
    this.epoch = facts.epoch
    this.index = facts.index
    this.leafText = facts.leafText
    this.exchange = facts.exchange
    this.incarnation = facts.incarnation
    this.howSubject = facts.howSubject
    this.isRelaxed = facts.isRelaxed
    this.#receipts = receipts
  }

  /** 33 bytes. */
  get leaf(): Uint8Array {
    return bytesOfText(this.leafText)
  }

  /** What its caller gets. Made when asked for: of most exchanges only one record's is. */
  get receipt(): Receipt {
    return this.#receipts.receipt(this.index, this.leafText)
  }

  /** The receipt as the value of its header. */
  get receiptField(): string {
    return this.#receipts.field(this.index, this.leafText)
  }

  /** What opens its receipt, each byte a character: for whoever writes the receipt elsewhere. */
  get receiptTag(): string {
    return this.#receipts.tag(this.index, this.leafText)
  }

  /** As `receiptTag`, while its place may not be told. */
  get pendingTag(): string {
    return this.#receipts.pendingTag(this.exchange)
  }

  /** What it gets while that may not be told: a header of its own. */
  get pendingField(): string {
    return this.#receipts.pendingField(this.exchange)
  }
}

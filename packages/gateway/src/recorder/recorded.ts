import { type Receipt, receiptMessage } from '@countersign/evidence'
import type { LeafIndex } from '@countersign/tlog'
import type { Subject } from '../vault/index.ts'

/** A durable record of an exchange. */
export class Recorded {
  readonly epoch: number
  readonly index: LeafIndex
  /** 33 bytes. */
  readonly leaf: Uint8Array
  /** UUIDv7 of the exchange, which is the request id. */
  readonly exchange: string
  /** The life of the ledger that holds it: no other may write its outcome. */
  readonly incarnation: number
  /** Under whose key the route puts `how`; undefined: the ledger's. */
  readonly howSubject: Subject | undefined
  readonly #origin: string
  readonly #tag: (message: Uint8Array) => Uint8Array

  constructor(facts: {
    readonly epoch: number
    readonly index: LeafIndex
    readonly leaf: Uint8Array
    readonly exchange: string
    readonly incarnation: number
    readonly howSubject: Subject | undefined
    readonly origin: string
    readonly tag: (message: Uint8Array) => Uint8Array
  }) {
    this.epoch = facts.epoch
    this.index = facts.index
    this.leaf = facts.leaf
    this.exchange = facts.exchange
    this.incarnation = facts.incarnation
    this.howSubject = facts.howSubject
    this.#origin = facts.origin
    this.#tag = facts.tag
  }

  /** What its caller gets. Made when asked for: of most exchanges only one record's is. */
  get receipt(): Receipt {
    const claim = { origin: this.#origin, index: this.index, leaf: this.leaf }
    return { ...claim, epoch: this.epoch, open: new Uint8Array(this.#tag(receiptMessage(claim))) }
  }
}

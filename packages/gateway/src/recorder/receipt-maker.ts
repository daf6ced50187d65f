import {
  aimReceiptMessage,
  LEAF_BYTES,
  OPEN_BYTES,
  pendingReceiptMessage,
  type Receipt,
  receiptHead,
  receiptMessage,
} from '@countersign/evidence'
import { writeLatin1 } from '../platform/index.ts'
import { bytesOfText } from './bytes-of-text.ts'

/** Of a leaf in base64. */
const LEAF_CHARACTERS = (LEAF_BYTES / 3) * 4

export interface ReceiptMakerOptions {
  readonly epoch: number
  readonly origin: string
  /** As latin1: its first OPEN_BYTES are the value that opens the receipt which `message` is of. */
  readonly tag: (message: Uint8Array) => string
}

/** Makes the receipts of one log, one for every exchange: what they have in common is made once. */
export class ReceiptMaker {
  readonly #options: ReceiptMakerOptions
  readonly #head: string
  readonly #name: string
  readonly #message: Uint8Array
  readonly #bytes = Buffer.alloc(LEAF_BYTES + OPEN_BYTES)
  readonly #leaf = this.#bytes.subarray(0, LEAF_BYTES)

  constructor(options: ReceiptMakerOptions) {
    const { origin, epoch } = options
    this.#options = options
    this.#head = receiptHead({ origin, epoch })
    this.#name = this.#head.slice(0, this.#head.lastIndexOf('; epoch='))
    this.#message = receiptMessage({ origin, index: 0, leaf: new Uint8Array(LEAF_BYTES) })
  }

  /** What its caller holds; of the leaf each byte a character. */
  receipt(index: number, leafText: string): Receipt {
    const { origin, epoch } = this.#options
    const open = bytesOfText(this.tag(index, leafText))
    return { origin, epoch, index, leaf: new Uint8Array(this.#leaf), open }
  }

  /** The same as the value of its header. */
  field(index: number, leafText: string): string {
    const bytes = this.#bytes
    // A piece of a string is written by a slower call than the whole.
    writeLatin1(bytes, LEAF_BYTES, this.#longTag(index, leafText), OPEN_BYTES)
    // A leaf is eleven times three bytes: its characters end where the others begin.
    const both = bytes.toString('base64')
    const [committed, open] = [both.slice(0, LEAF_CHARACTERS), both.slice(LEAF_CHARACTERS)]
    return `${this.#head}${index}; leaf=:${committed}:; open=:${open}:`
  }

  /** What the caller of a relaxed exchange gets in its place: by it the receipt is had later. */
  pendingField(exchange: string): string {
    const open = Buffer.from(this.pendingTag(exchange), 'latin1')
    return `${this.#name}; request="${exchange}"; open=:${open.toString('base64')}:`
  }

  /** OPEN_BYTES as latin1. */
  pendingTag(exchange: string): string {
    const { origin } = this.#options
    const tag = this.#options.tag(pendingReceiptMessage({ origin, exchange }))
    return tag.slice(0, OPEN_BYTES)
  }

  /** OPEN_BYTES as latin1. */
  tag(index: number, leafText: string): string {
    return this.#longTag(index, leafText).slice(0, OPEN_BYTES)
  }

  #longTag(index: number, leafText: string): string {
    writeLatin1(this.#bytes, 0, leafText, LEAF_BYTES)
    aimReceiptMessage(this.#message, index, this.#leaf)
    return this.#options.tag(this.#message)
  }
}

import {
  chainMessage,
  MESSAGE_CHAIN_START,
  MESSAGES_LISTED_MAX,
  type MessageCounts,
  type MessageDigests,
} from '@countersign/evidence'
import { nodeSha256 } from '../platform/index.ts'
import { BodyMeter } from './body-meter.ts'

/** As many of a direction, not told of yet, are worth a progress. */
const WORTH_TELLING = MESSAGES_LISTED_MAX / 2

/** Digests the messages of one direction as they pass; what it keeps of them is bounded. */
export class MessageDigester {
  #message = new BodyMeter()
  #count = 0
  #chain = MESSAGE_CHAIN_START
  /** How many there were when the last record was written. */
  #told = 0
  #listed: string[] = []

  get untold(): number {
    return this.#count - this.#told
  }

  /** A part of a message; `bytes` must not change afterwards. */
  add(bytes: Uint8Array): void {
    this.#message.add(bytes)
  }

  /** The message is whole. */
  end(): void {
    const { sha256 = '' } = this.#message.facts()
    this.#message = new BodyMeter()
    this.#count += 1
    this.#chain = chainMessage(nodeSha256, this.#chain, sha256)
    if (this.#listed.length < MESSAGES_LISTED_MAX) this.#listed.push(sha256)
  }

  /** For the next record. None is listed twice: what a record lists that fails is only chained. */
  take(): MessageDigests {
    const digests = { first: this.#told + 1, listed: this.#listed, chain: this.#chain }
    this.#told = this.#count
    this.#listed = []
    return digests
  }
}

/** Of both directions of an exchange. */
export class ExchangeDigests {
  readonly request: MessageDigester = new MessageDigester()
  readonly response: MessageDigester = new MessageDigester()

  get isWorthTelling(): boolean {
    return this.request.untold >= WORTH_TELLING || this.response.untold >= WORTH_TELLING
  }
}

/** What the next record says of messages: to be asked once for each. */
export function takeMessages(exchange: {
  readonly messages: (() => MessageCounts) | undefined
  readonly digests: ExchangeDigests | undefined
}): MessageCounts | undefined {
  const counts = exchange.messages?.()
  const { digests } = exchange
  if (counts === undefined || digests === undefined) return counts
  const { request, response } = digests
  return { ...counts, digests: { request: request.take(), response: response.take() } }
}

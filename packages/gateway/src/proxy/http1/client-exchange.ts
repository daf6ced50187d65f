import type { Reason } from '@countersign/evidence'
import type { Inbound, Lost, Outbound, Peer, Switched, SwitchHead } from '../exchange.ts'
import type { HeaderFields } from '../header-fields.ts'
import { Answer } from './answer.ts'
import type { OwnLines } from './answer-head.ts'
import { formatInterim } from './answer-head.ts'
import { ReceivedBody } from './received-body.ts'
import type { RequestHead } from './request-head.ts'

/** What an exchange needs of its connection. */
export interface ExchangeLine {
  readonly peer: Peer
  readonly own: OwnLines
  /** Resolves when the client has taken it, or enough where more follows; undefined: it has. */
  put(before: string, bytes: Uint8Array, after: string, isEnd: boolean): Promise<void> | undefined
  /** An answer begins; says what it says of the connection. */
  beginAnswer(exchange: ClientExchange, isLast: boolean): string
  /** There is room for more of a body. */
  wantMore(): void
  /** The connection is another protocol's from here on. */
  handOver(): Switched
  /** Nothing of it is going on any more. */
  ended(exchange: ClientExchange): void
  destroy(): void
}

const NOTHING = new Uint8Array()
const NO_FIELDS: HeaderFields = []
const NO_BODY = {
  next: async (): Promise<IteratorReturnResult<undefined>> => ({ done: true, value: undefined }),
}
const CONTINUE = formatInterim(100, NO_FIELDS)
const SWITCHING_PROTOCOLS = 101

/** Of what could not be read, nothing is known. */
const UNREADABLE: RequestHead = {
  method: '',
  target: '',
  version: '',
  fields: NO_FIELDS,
  framing: { bytes: 0 },
  isLast: true,
  isWaiting: false,
  asksForUpgrade: false,
}

/** One request of a connection, and its answer. */
export class ClientExchange {
  readonly inbound: ReceivedRequest
  readonly outbound: Answer
  /** It never became a request. */
  readonly refused: Reason | undefined
  readonly isLast: boolean
  readonly #line: ExchangeLine
  #lostFor: Reason | undefined
  #lost: Lost | undefined

  constructor(line: ExchangeLine, head: RequestHead, mayUpgrade: boolean, refused?: Reason) {
    this.#line = line
    this.refused = refused
    this.isLast = head.isLast
    this.outbound = new (mayUpgrade ? SwitchingAnswer : Answer)(line, this, head.method)
    this.inbound = new ReceivedRequest(line, head, this.outbound, mayUpgrade)
  }

  /** Bytes that are no request. */
  static unreadable(line: ExchangeLine, reason: Reason): ClientExchange {
    return new ClientExchange(line, UNREADABLE, false, reason)
  }

  /** The client is gone, or what it sends cannot be served to its end. */
  lose(reason: Reason): void {
    if (this.#lostFor !== undefined) return
    this.#lostFor = reason
    this.#lost?.make(reason)
  }

  /** `lost` is told when it is lost before its end. */
  onLost(lost: Lost): void {
    if (this.#lostFor === undefined) this.#lost = lost
    else lost.make(this.#lostFor)
  }

  ended(): void {
    this.#line.ended(this)
  }
}

/** A request as it was received, and its body as it comes. */
class ReceivedRequest implements Inbound {
  peer: Peer
  readonly method: string
  readonly target: string
  readonly version: string
  readonly fields: HeaderFields
  readonly standing: Inbound['standing']
  readonly framing: Inbound['framing']
  readonly fault: Reason | undefined
  readonly isWaiting: boolean
  readonly body: AsyncIterator<Uint8Array>
  readonly #received: ReceivedBody | undefined
  readonly #line: ExchangeLine
  readonly #answer: Answer
  #trailers = NO_FIELDS
  #isComplete = false

  constructor(line: ExchangeLine, head: RequestHead, answer: Answer, mayUpgrade: boolean) {
    const { framing } = head
    this.#line = line
    this.#answer = answer
    this.peer = line.peer
    this.method = head.method
    this.target = head.target
    this.version = head.version
    this.fields = head.fields
    this.standing = head.standing
    this.framing = framing
    this.isWaiting = head.isWaiting
    // A tunnel to anywhere is nothing that is served here, whatever it says beside.
    this.fault = head.method === 'CONNECT' ? 'method-not-allowed' : undefined
    const hasBody = !('refused' in framing) && framing.bytes !== 0 && !mayUpgrade
    this.#received = hasBody ? new ReceivedBody(() => line.wantMore()) : undefined
    this.body = this.#received ?? NO_BODY
  }

  get isFull(): boolean {
    return this.#received?.isFull === true
  }

  invite(): void {
    if (!this.#answer.hasBegun) void this.#line.put(CONTINUE, NOTHING, '', false)
  }

  trailers(): HeaderFields {
    return this.#trailers
  }

  isComplete(): boolean {
    return this.#isComplete
  }

  add(chunk: Uint8Array): void {
    this.#received?.add(chunk)
  }

  complete(trailers: HeaderFields): void {
    this.#isComplete = true
    this.#trailers = trailers
    this.#received?.end()
  }

  /** It is answered: nobody reads the rest. */
  drop(): void {
    this.#received?.drop()
  }
}

/** An answer that may be another protocol. */
class SwitchingAnswer extends Answer implements Outbound {
  readonly #line: ExchangeLine

  constructor(line: ExchangeLine, exchange: ClientExchange, method: string) {
    super(line, exchange, method)
    this.#line = line
  }

  switchTo({ fields }: SwitchHead): Switched {
    void this.#line.put(formatInterim(SWITCHING_PROTOCOLS, fields), NOTHING, '', false)
    return this.#line.handOver()
  }
}

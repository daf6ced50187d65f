import type { Duplex } from 'node:stream'
import type { FailedAttemptFacts, Reason } from '@countersign/evidence'
import type { Timer } from '../platform/index.ts'
import type { Endpoint } from './endpoint.ts'
import { faultWord, toldFault } from './fault-words.ts'
import type { Bearing } from './outliers.ts'
import type {
  UpstreamCall,
  UpstreamFault,
  UpstreamFields,
  UpstreamHandler,
  UpstreamReached,
  UpstreamRequest,
} from './types.ts'

/** Which requests may be sent to another target after a fault. */
export type RetryRule = 'idempotent' | 'always' | 'never'

/** What a call needs of the upstream that it goes to. */
export interface CallOwner {
  readonly nowMs: () => number
  /** `Host` is that of whichever target is asked. */
  readonly isHostOfTarget: boolean
  /**
   * An attempt came to nothing; true: the call was placed again. `isForSame`: also where there is
   * no target but the one that it was at.
   */
  retry(call: BalancedCall, isForSame: boolean): boolean
  /** The call leaves its endpoint; `bearing` is what that says of it. */
  leave(endpoint: Endpoint, bearing: Bearing): void
  /** A response that counts against its endpoint. */
  isFaulty(status: number): boolean
  /** It waits no longer. */
  forget(call: BalancedCall): void
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const NO_ENDPOINTS: readonly Endpoint[] = []
const NO_ATTEMPTS: readonly FailedAttemptFacts[] = []

/**
 * One request to an upstream of several targets: as a call to one of them, however many are asked.
 * Its handler hears of one answer.
 */
export class BalancedCall implements UpstreamCall {
  readonly request: UpstreamRequest
  readonly handler: UpstreamHandler
  readonly #owner: CallOwner
  readonly #rule: RetryRule
  readonly #sinceMs: number
  #attempt: Attempt | undefined
  #inner: UpstreamCall | undefined
  #held: Uint8Array[] | undefined
  #heldEnd: { readonly trailers: UpstreamFields | undefined } | undefined
  #isBodySent = false
  #isPaused = false
  #isTold = false
  #tried: Endpoint[] | undefined
  #failed: FailedAttemptFacts[] | undefined
  #connectedMs: number | undefined
  /** A head was had: what happens now is that answer's end. */
  isAnswered = false
  /** Something was had of an answer, and passed on. */
  isHeard = false
  isOver = false
  attempts = 0
  /** What was wrong, in a word, where something was. */
  fault: string | undefined
  /** Ends its waiting. */
  timer: Timer | undefined

  constructor(
    owner: CallOwner,
    request: UpstreamRequest,
    handler: UpstreamHandler,
    rule: RetryRule,
  ) {
    this.#owner = owner
    this.request = request
    this.handler = handler
    this.#rule = rule
    this.#sinceMs = request.sinceMs ?? owner.nowMs()
  }

  /** Of the endpoint that answers, or was asked last: address and port. */
  get address(): string | undefined {
    return this.#attempt?.endpoint.address
  }

  /** The same as its configuration says it. */
  get target(): string | undefined {
    return this.#attempt?.endpoint.place.authority
  }

  get failed(): readonly FailedAttemptFacts[] {
    return this.#failed ?? NO_ATTEMPTS
  }

  get tried(): readonly Endpoint[] {
    return this.#tried ?? NO_ENDPOINTS
  }

  /** Microseconds from the call to a new connection; undefined where one was there. */
  get connectUs(): number | undefined {
    return this.#connectedMs === undefined ? undefined : this.#us(this.#connectedMs)
  }

  /**
   * Whether the request may be sent again: nobody has had a part of its body, nor answered, nor can
   * have acted on it in a way that counts twice.
   */
  #isRepeatable({ isUnsent, reason }: UpstreamFault): boolean {
    if (this.isAnswered || this.isHeard || this.#isBodySent) return false
    if (this.request.upgrade !== undefined || this.#rule === 'never') return false
    // Its time to wait is over: elsewhere it would begin again.
    if (isUnsent) return reason !== 'upstream-overloaded'
    if (!RETRIED.has(reason)) return false
    return this.#rule === 'always' || IDEMPOTENT.has(this.request.method)
  }

  /** Goes to an endpoint that has room for it. */
  begin(endpoint: Endpoint): void {
    this.timer?.cancel()
    this.attempts += 1
    endpoint.active += 1
    endpoint.requests += 1
    const attempt = new Attempt(this, this.#owner, endpoint)
    this.#attempt = attempt
    const { authority } = endpoint.place
    const isSame = !this.#owner.isHostOfTarget || this.request.authority === authority
    const isAgain = this.#tried?.includes(endpoint) === true
    let request = isSame ? this.request : { ...this.request, authority }
    if (isAgain) request = { ...request, isAgain }
    // Reached at once: what is held back must not go to the attempt before.
    this.#inner = undefined
    this.#inner = endpoint.client.call(request, attempt)
    if (this.#isPaused) this.#inner.pause()
    if (this.#mayFlow()) this.#flush()
  }

  /** Nobody is asked, or nobody else. */
  reject(fault: UpstreamFault): void {
    if (this.isOver) return
    this.isOver = true
    this.timer?.cancel()
    this.fault = faultWord(fault)
    this.handler.fault(fault)
  }

  write(chunk: Uint8Array): boolean {
    if (this.isOver) return false
    if (this.#inner !== undefined && this.#mayFlow()) {
      this.#isBodySent = true
      return this.#inner.write(chunk)
    }
    this.#held ??= []
    this.#held.push(chunk)
    return false
  }

  end(trailers?: UpstreamFields): void {
    if (this.isOver) return
    this.#heldEnd = { trailers }
    if (this.#inner !== undefined && this.#mayFlow()) this.#flush()
  }

  pause(): void {
    this.#isPaused = true
    this.#inner?.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#inner?.resume()
  }

  /** `why`: what ended it, where that was not its reader's wish. */
  abort(why?: Reason): void {
    if (this.isOver) return
    this.isOver = true
    this.timer?.cancel()
    this.#owner.forget(this)
    const isSlow = why === 'upstream-timeout'
    if (isSlow) this.fault = this.isAnswered ? 'response-timeout' : 'first-byte-timeout'
    this.#inner?.abort()
    this.#attempt?.letGo(isSlow ? this.fault : undefined)
  }

  /** Of its attempt: a connection was found. Its handler is told once, and may send its body. */
  reached(reached: UpstreamReached): void {
    if (!reached.isReused) this.#connectedMs = this.#owner.nowMs()
    if (!this.#isTold) this.handler.reached?.(reached)
    this.#isTold = true
    this.#flush()
  }

  /** Of its attempt, which has ended so. */
  attemptFailed(endpoint: Endpoint, raw: UpstreamFault): void {
    const fault = this.isAnswered ? raw : toldFault(raw)
    const word = faultWord(fault)
    if (this.#isRepeatable(fault)) {
      const isForSame = isOfConnection(fault, this.tried.includes(endpoint))
      this.#tried ??= []
      this.#tried.push(endpoint)
      if (this.#owner.retry(this, isForSame)) {
        this.#failed ??= []
        const endUs = this.#us(this.#owner.nowMs())
        this.#failed.push({ address: endpoint.address, fault: word, endUs })
        return
      }
    }
    this.isOver = true
    this.fault = word
    this.handler.fault(fault)
  }

  /** A body is held back until a target is reached: it can still become another one. */
  #mayFlow(): boolean {
    return this.#attempt?.isReached === true
  }

  /** Lets go what was held back of the body. */
  #flush(): void {
    const inner = this.#inner
    if (inner === undefined) return
    const held = this.#held
    this.#held = undefined
    let isReady = true
    if (held !== undefined) {
      for (const chunk of held) {
        this.#isBodySent = true
        isReady = inner.write(chunk)
      }
    }
    if (this.#heldEnd !== undefined) {
      if (this.request.bodyBytes !== 0) this.#isBodySent = true
      inner.end(this.#heldEnd.trailers)
      this.#heldEnd = undefined
    } else if (held !== undefined && isReady) this.handler.drain?.()
  }

  #us(atMs: number): number {
    return Math.max(0, Math.round((atMs - this.#sinceMs) * 1000))
  }
}

/** What another connection to the same target may make good; of the race of keep-alive once. */
function isOfConnection({ isUnsent, isStale, reason }: UpstreamFault, wasTried: boolean): boolean {
  return isUnsent ? reason === 'upstream-aborted' : isStale && !wasTried
}

/** What another target may make good; a response that was no response is not among it. */
const RETRIED: ReadonlySet<Reason> = new Set([
  'upstream-unreachable',
  'upstream-untrusted',
  'upstream-aborted',
])

/** A call to one endpoint. What it hears goes on, unless another attempt has taken its place. */
class Attempt implements UpstreamHandler {
  readonly endpoint: Endpoint
  readonly #call: BalancedCall
  readonly #owner: CallOwner
  #hasLeft = false
  #fault: string | undefined
  isReached = false

  constructor(call: BalancedCall, owner: CallOwner, endpoint: Endpoint) {
    this.#call = call
    this.#owner = owner
    this.endpoint = endpoint
  }

  reached(reached: UpstreamReached): void {
    this.isReached = true
    this.#call.reached(reached)
  }

  interim(status: number, fields: UpstreamFields): void {
    this.#call.isHeard = true
    this.#call.handler.interim?.(status, fields)
  }

  head(status: number, fields: UpstreamFields, isWhole?: boolean): void {
    this.#call.isAnswered = true
    if (this.#owner.isFaulty(status)) this.#fault = `status-${status}`
    this.#call.handler.head(status, fields, isWhole)
  }

  data(chunk: Uint8Array): void {
    this.#call.handler.data(chunk)
  }

  end(trailers: UpstreamFields): void {
    this.#call.isOver = true
    this.leave(this.#fault === undefined ? 'good' : { fault: this.#fault })
    this.#call.handler.end(trailers)
  }

  fault(fault: UpstreamFault): void {
    // What we did wrong ourselves is not held against it, and not counted for it.
    this.leave(fault.reason.startsWith('upstream-') ? { fault: faultWord(fault) } : 'none')
    this.#call.attemptFailed(this.endpoint, fault)
  }

  drain(): void {
    this.#call.handler.drain?.()
  }

  upgraded(status: number, fields: UpstreamFields, stream: Duplex, rest: Uint8Array): void {
    this.#call.isAnswered = true
    this.#call.isOver = true
    stream.once('close', () => this.leave('good'))
    const { handler } = this.#call
    if (handler.upgraded === undefined) stream.destroy()
    else handler.upgraded(status, fields, stream, rest)
  }

  /** Broken off before its end; a head that counts against the endpoint still does. */
  letGo(slow: string | undefined): void {
    const fault = slow ?? this.#fault
    this.leave(fault === undefined ? 'none' : { fault })
  }

  /** Once: the endpoint has room again. */
  leave(bearing: Bearing): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#owner.leave(this.endpoint, bearing)
  }
}

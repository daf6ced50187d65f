import type { Reason } from '@countersign/evidence'
import type { Dispatcher, Pool } from 'undici'
import { readFraming } from './framing.ts'
import type { HeaderFields } from './header-fields.ts'

/** What goes to the upstream. */
export interface UpstreamRequest {
  readonly method: string
  readonly target: string
  readonly fields: HeaderFields
  readonly body: AsyncIterable<Uint8Array> | undefined
}

export interface UpstreamHead {
  readonly status: number
  readonly fields: HeaderFields
}

/** An upstream that did not give a whole, well-formed response; `reason` says in which way. */
export class UpstreamFault extends Error {
  override readonly name = 'UpstreamFault'
  readonly reason: Reason

  constructor(reason: Reason, cause: unknown) {
    super(`upstream: ${reason}`, { cause })
    this.reason = reason
  }
}

/** Bytes that wait for a slow client before the upstream is told to pause. */
const WAITING_BYTES_MAX = 65_536
/** Interim responses are dropped; more than this is an upstream gone wrong. */
const INTERIM_RESPONSES_MAX = 16

type Controller = Dispatcher.DispatchController

/** One request to an upstream, and its response, read at the reader's pace. */
export class UpstreamCall implements Dispatcher.DispatchHandler {
  /** Resolves at the response's head; rejects with UpstreamFault. */
  readonly head: Promise<UpstreamHead>
  #settleHead: { resolve(head: UpstreamHead): void; reject(fault: UpstreamFault): void }
  #controller: Controller | undefined
  #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #interims = 0
  #isPaused = false
  #hasEnded = false
  #fault: UpstreamFault | undefined
  #wake: (() => void) | undefined

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamHead>()
    this.head = promise
    this.#settleHead = { resolve, reject }
    promise.catch(() => undefined) // Also told to whoever reads; nobody need wait for the head.
  }

  static send(pool: Pool, request: UpstreamRequest): UpstreamCall {
    const call = new UpstreamCall()
    try {
      pool.dispatch(
        {
          method: request.method,
          path: request.target,
          headers: request.fields.flat(),
          // undici's types know no async iterable; its dispatcher does.
          body: (request.body ?? null) as never,
        },
        call,
      )
    } catch (cause) {
      call.#fail(new UpstreamFault('internal-error', cause))
    }
    return call
  }

  /** The next bytes of the body; undefined at its end. Throws UpstreamFault. One reader only. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) return this.#taken(chunk)
      if (this.#fault !== undefined) throw this.#fault
      if (this.#hasEnded) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Breaks the connection to the upstream; what was not read is dropped. */
  abort(reason: Reason): void {
    if (this.#hasEnded || this.#fault !== undefined) return
    const fault = new UpstreamFault(reason, undefined)
    this.#chunks = []
    this.#fail(fault)
    this.#controller?.abort(fault)
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    if (this.#fault !== undefined) controller.abort(this.#fault)
  }

  onResponseStart(controller: Controller, status: number): void {
    if (status < 200) {
      this.#interims += 1
      if (this.#interims > INTERIM_RESPONSES_MAX) this.#refuse(controller, 'interim responses')
      return
    }
    const fields = readRawFields(controller.rawHeaders)
    const framing = readFraming(fields)
    if ('refused' in framing) this.#refuse(controller, `framing: ${framing.refused}`)
    else this.#settleHead.resolve({ status, fields })
  }

  onResponseData(controller: Controller, chunk: Uint8Array): void {
    if (this.#fault !== undefined) return
    this.#chunks.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > WAITING_BYTES_MAX && !this.#isPaused) {
      this.#isPaused = true
      controller.pause()
    }
    this.#wake?.()
  }

  onResponseEnd(): void {
    this.#hasEnded = true
    this.#wake?.()
  }

  onResponseError(_controller: Controller | undefined, error: unknown): void {
    const isConnected = this.#controller !== undefined
    this.#fail(new UpstreamFault(isConnected ? reasonOf(error) : 'upstream-unreachable', error))
  }

  /** An answer that two readers could end at different places, or that never comes. */
  #refuse(controller: Controller, why: string): void {
    const fault = new UpstreamFault('upstream-protocol', why)
    this.#fail(fault)
    controller.abort(fault)
  }

  #taken(chunk: Uint8Array): Uint8Array {
    this.#waitingBytes -= chunk.length
    if (this.#isPaused && this.#waitingBytes === 0) {
      this.#isPaused = false
      this.#controller?.resume()
    }
    return chunk
  }

  #fail(fault: UpstreamFault): void {
    this.#fault ??= fault
    this.#settleHead.reject(this.#fault)
    this.#wake?.()
  }
}

/** Raw, because a parsed map has lost order and spelling, and joins what must not be joined. */
function readRawFields(raw: unknown): HeaderFields {
  const flat = Array.isArray(raw) ? raw.map((part: unknown) => latin1(part)) : []
  const fields: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) fields.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return fields
}

function latin1(part: unknown): string {
  return part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : String(part)
}

/** undici's errors, once it was connected, in our words. */
function reasonOf(error: unknown): Reason {
  if (error instanceof UpstreamFault) return error.reason
  if (!(error instanceof Error)) return 'upstream-aborted'
  const code = 'code' in error ? String(error.code) : ''
  const isParser = error.name === 'HTTPParserError' || code.startsWith('HPE_')
  const isRefused = PROTOCOL_FAULTS.has(code) || error.message === 'bad upgrade'
  return isParser || isRefused ? 'upstream-protocol' : 'upstream-aborted'
}

const PROTOCOL_FAULTS = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

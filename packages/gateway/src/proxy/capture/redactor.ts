import type { BodyType } from './body-type.ts'
import type { CaptureConfig } from './capture-config.ts'
import { type Redacted, Redaction } from './redaction.ts'

/** Larger bodies are redacted elsewhere: here, nobody else is served meanwhile. */
export const REDACTED_HERE_BYTES_MAX = 8192

/** A channel that clones what it carries, as a worker thread and its parent's port are. */
export interface RedactionPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** A thread that runs `serveRedaction`, as far as it matters here. */
export interface RedactionThread extends RedactionPort {
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  /** Whether the process lives on for it. */
  ref(): unknown
  unref(): unknown
  terminate(): Promise<unknown>
}

interface Asked {
  readonly bytes: Uint8Array
  readonly type: BodyType
  readonly rules: CaptureConfig['redact']
}

type Answered = { readonly redacted: Redacted } | { readonly failure: string }

interface Waiting extends PromiseWithResolvers<Redacted> {
  readonly asked: Asked
}

/** The thread is gone, or found what it cannot redact: what it was given is not kept. */
export class RedactorFault extends Error {}

/**
 * Redacts bodies: short ones at once, others one after another in a thread of their own, which is
 * started for the first of them, and again after it has died. It is given one at a time: what ends
 * it takes none along that waits.
 */
export class Redactor {
  readonly #start: () => RedactionThread
  readonly #queue: Waiting[] = []
  #inHand: Waiting | undefined
  #thread: RedactionThread | undefined

  constructor(start: () => RedactionThread) {
    this.#start = start
  }

  /** `bytes` stay as they are until it is done. */
  redact(bytes: Uint8Array, type: BodyType, redaction: Redaction): Redacted | Promise<Redacted> {
    if (bytes.length <= REDACTED_HERE_BYTES_MAX) return redaction.redact(bytes, type)
    const asked = { bytes, type, rules: redaction.rules }
    const waiting = { ...Promise.withResolvers<Redacted>(), asked }
    this.#queue.push(waiting)
    this.#next()
    return waiting.promise
  }

  /** For when no body is on its way any more. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #next(): void {
    if (this.#inHand !== undefined) return
    this.#inHand = this.#queue.shift()
    if (this.#inHand === undefined) {
      this.#thread?.unref()
      return
    }
    this.#thread ??= this.#begin()
    this.#thread.ref()
    const { asked } = this.#inHand
    const own = new Uint8Array(asked.bytes) // Without what else may lie in the memory behind it.
    this.#thread.postMessage({ ...asked, bytes: own } satisfies Asked, [own.buffer])
  }

  #begin(): RedactionThread {
    const thread = this.#start()
    thread.on('message', (message) => this.#settle(thread, message as Answered))
    thread.on('error', (error) => this.#lost(thread, error))
    thread.on('exit', (code) => this.#lost(thread, new Error(`exit code ${code}`)))
    return thread
  }

  #settle(thread: RedactionThread, answered: Answered): void {
    if (this.#thread !== thread) return
    if ('failure' in answered) this.#inHand?.reject(new RedactorFault(answered.failure))
    else this.#inHand?.resolve(answered.redacted)
    this.#inHand = undefined
    this.#next()
  }

  #lost(thread: RedactionThread, cause: Error): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    const message = `the redaction thread is gone: ${cause.message}`
    this.#inHand?.reject(new RedactorFault(message, { cause }))
    this.#inHand = undefined
    this.#next()
  }
}

/** The other end: redacts what arrives, in the order it arrives. */
export function serveRedaction(port: RedactionPort): void {
  port.on('message', (message) => {
    const { bytes, type, rules } = message as Asked
    try {
      const redacted = new Redaction(rules).redact(bytes, type)
      port.postMessage({ redacted } satisfies Answered, [])
    } catch (cause) {
      // Of what kind it was, and no more: a message may quote the body.
      const failure = `cannot be redacted (${cause instanceof Error ? cause.name : 'fault'})`
      port.postMessage({ failure } satisfies Answered, [])
    }
  })
}

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
  readonly id: number
  readonly bytes: Uint8Array
  readonly type: BodyType
  readonly rules: CaptureConfig['redact']
}

type Answered =
  | { readonly id: number; readonly redacted: Redacted }
  | { readonly id: number; readonly failure: string }

/** The thread is gone, or found what it cannot redact: what it was given is not kept. */
export class RedactorFault extends Error {}

/**
 * Redacts bodies: short ones at once, others one after another in a thread of their own, which is
 * started for the first of them, and again for the first after it has died.
 */
export class Redactor {
  readonly #start: () => RedactionThread
  readonly #waiting = new Map<number, PromiseWithResolvers<Redacted>>()
  #thread: RedactionThread | undefined
  #lastId = 0

  constructor(start: () => RedactionThread) {
    this.#start = start
  }

  redact(bytes: Uint8Array, type: BodyType, redaction: Redaction): Redacted | Promise<Redacted> {
    if (bytes.length <= REDACTED_HERE_BYTES_MAX) return redaction.redact(bytes, type)
    this.#thread ??= this.#begin()
    this.#lastId += 1
    const waiting = Promise.withResolvers<Redacted>()
    this.#thread.ref()
    this.#waiting.set(this.#lastId, waiting)
    const own = new Uint8Array(bytes) // Without what else may lie in the memory behind it.
    const asked: Asked = { id: this.#lastId, bytes: own, type, rules: redaction.rules }
    this.#thread.postMessage(asked, [own.buffer])
    return waiting.promise
  }

  /** For when no body is on its way any more. */
  async close(): Promise<void> {
    await this.#thread?.terminate()
  }

  #begin(): RedactionThread {
    const thread = this.#start()
    thread.on('message', (message) => this.#settle(message as Answered))
    thread.on('error', (error) => this.#lost(thread, error))
    thread.on('exit', (code) => this.#lost(thread, new Error(`exit code ${code}`)))
    return thread
  }

  #settle(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id)
    this.#waiting.delete(answered.id)
    if (this.#waiting.size === 0) this.#thread?.unref()
    if ('failure' in answered) waiting?.reject(new RedactorFault(answered.failure))
    else waiting?.resolve(answered.redacted)
  }

  #lost(thread: RedactionThread, cause: Error): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    const fault = new RedactorFault(`the redaction thread is gone: ${cause.message}`, { cause })
    for (const { reject } of this.#waiting.values()) reject(fault)
    this.#waiting.clear()
  }
}

/** The other end: redacts what arrives, in the order it arrives. */
export function serveRedaction(port: RedactionPort): void {
  port.on('message', (message) => {
    const { id, bytes, type, rules } = message as Asked
    try {
      const redacted = new Redaction(rules).redact(bytes, type)
      port.postMessage({ id, redacted } satisfies Answered, [])
    } catch (cause) {
      // Of what kind it was, and no more: a message may quote the body.
      const failure = `cannot be redacted (${cause instanceof Error ? cause.name : 'fault'})`
      port.postMessage({ id, failure } satisfies Answered, [])
    }
  })
}

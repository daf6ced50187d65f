import type { Hash, TreeSize } from '@countersign/tlog'
import { DiskError, type DiskErrorCode } from '../platform/index.ts'
import { LedgerError, type LedgerErrorCode } from './error.ts'
import type { Integration, PlainBatch, Settled } from './integration.ts'
import type { PackReport, Span } from './packer.ts'

/** One end of a channel that clones what it carries, as a worker and a message port are. */
export interface IntegrationPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** A worker thread, as far as it matters here. */
export interface IntegrationWorker extends IntegrationPort {
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'exit', listener: (code: number) => void): unknown
  terminate(): Promise<unknown>
}

/** The calls of `Integration` as they cross; a batch gives its memory away, or shares it. */
type Call =
  | { readonly call: 'resume'; readonly size: TreeSize; readonly root: Hash }
  | { readonly call: 'add'; readonly batch: PlainBatch }
  | { readonly call: 'settle' }
  | { readonly call: 'closeSegment'; readonly span: Span }
  | { readonly call: 'collect'; readonly size: TreeSize }
  | { readonly call: 'close' }

type Request = Call & { readonly id: number }

type Reply =
  | Spent
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure }

/** Not asked for: memory comes back. */
interface Spent {
  readonly spent: readonly Uint8Array[]
}

/** An error as it crosses: a class does not survive cloning, its code must. */
interface Failure {
  readonly kind: 'disk' | 'ledger' | 'other'
  readonly code: string
  readonly message: string
  readonly path: string
}

/** Integration behind a port. The other end runs `serveIntegration`. */
export class RemoteIntegration implements Integration {
  readonly #port: IntegrationPort
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #end: () => Promise<unknown>
  #onSpent: (spent: readonly Uint8Array[]) => void = () => undefined
  #lastId = 0
  #failure: Error | undefined

  constructor(port: IntegrationPort, end: () => Promise<unknown> = async () => undefined) {
    this.#port = port
    this.#end = end
    port.on('message', (reply) => this.#settle(reply as Reply))
  }

  resume(size: TreeSize, root: Hash): Promise<void> {
    return this.#ask({ call: 'resume', size, root })
  }

  add(batch: PlainBatch): void {
    if (this.#failure !== undefined) return // The next call that is waited for tells.
    this.#port.postMessage({ call: 'add', batch, id: 0 }, ownedOf([batch.plain]))
  }

  settle(): Promise<Settled> {
    return this.#ask({ call: 'settle' })
  }

  closeSegment(span: Span): Promise<readonly PackReport[]> {
    return this.#ask({ call: 'closeSegment', span })
  }

  collect(size: TreeSize): Promise<void> {
    return this.#ask({ call: 'collect', size })
  }

  onSpent(listener: (spent: readonly Uint8Array[]) => void): void {
    this.#onSpent = listener
  }

  async close(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.#ask({ call: 'close' })
    } finally {
      await this.#end()
    }
  }

  /** The other end is gone: whoever waits learns it, and whoever asks later. */
  fail(cause: Error): void {
    const message = `integration worker is gone: ${cause.message}`
    this.#failure ??= new LedgerError('LEDGER_INTEGRATION', message, { cause })
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }

  #ask<Result>(call: Call): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const waiting = Promise.withResolvers<unknown>()
    this.#lastId += 1
    this.#waiting.set(this.#lastId, waiting)
    this.#port.postMessage({ ...call, id: this.#lastId }, [])
    return waiting.promise as Promise<Result>
  }

  #settle(reply: Reply): void {
    if ('spent' in reply) {
      this.#onSpent(reply.spent)
      return
    }
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('failure' in reply) waiting?.reject(errorOf(reply.failure))
    else waiting?.resolve(reply.result)
  }
}

/** Integration in a worker: its death fails every call, its end is awaited by `close`. */
export function workerIntegration(worker: IntegrationWorker): Integration {
  const integration = new RemoteIntegration(worker, () => worker.terminate())
  worker.on('error', (error) => integration.fail(error))
  worker.on('exit', (code) => integration.fail(new Error(`exit code ${code}`)))
  return integration
}

/** The other end: carries out what arrives, in the order it arrives. */
export function serveIntegration(port: IntegrationPort, integration: Integration): void {
  integration.onSpent((spent) => {
    port.postMessage({ spent }, ownedOf(spent))
  })
  port.on('message', (message) => {
    const request = message as Request
    if (request.call === 'add') integration.add(request.batch)
    else void answer(port, request.id, carryOut(integration, request))
  })
}

/** What goes over, and is not shared. */
function ownedOf(memory: readonly Uint8Array[]): ArrayBuffer[] {
  return memory.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []))
}

function carryOut(
  integration: Integration,
  request: Exclude<Request, { readonly call: 'add' }>,
): Promise<unknown> {
  switch (request.call) {
    case 'resume':
      return integration.resume(request.size, request.root)
    case 'settle':
      return integration.settle()
    case 'closeSegment':
      return integration.closeSegment(request.span)
    case 'collect':
      return integration.collect(request.size)
    case 'close':
      return integration.close()
  }
}

async function answer(port: IntegrationPort, id: number, result: Promise<unknown>): Promise<void> {
  try {
    port.postMessage({ id, result: await result }, [])
  } catch (cause) {
    port.postMessage({ id, failure: failureOf(cause) }, [])
  }
}

function failureOf(cause: unknown): Failure {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof DiskError) {
    return { kind: 'disk', code: cause.code, message, path: cause.path }
  }
  const isLedger = cause instanceof LedgerError
  const code = isLedger ? cause.code : 'LEDGER_INTEGRATION'
  return { kind: isLedger ? 'ledger' : 'other', code, message, path: '' }
}

function errorOf({ kind, code, message, path }: Failure): Error {
  if (kind !== 'disk') return new LedgerError(code as LedgerErrorCode, message)
  return new DiskError(code as DiskErrorCode, path, message)
}

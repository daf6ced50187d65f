import { DiskError, type DiskErrorCode } from './disk-error.ts'
import type { Lock, Locked } from './types.ts'

/** One end of a channel between threads. */
export interface LockPort {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'close', listener: () => void): unknown
  unref(): void
  close(): void
}

type Call =
  | { readonly call: 'read' }
  | { readonly call: 'swap'; readonly from: number; readonly value: string }

type Request = Call & { readonly id: number }

type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure }

/** An error as it crosses: a class does not survive cloning, its code must. */
interface Failure {
  readonly code: DiskErrorCode
  readonly message: string
}

/**
 * A lock that another thread holds open: a commit waits for the disk several times, and whoever
 * asks this thread for something does not wait with it. The thread may be replaced by another one;
 * what was asked of one that is gone fails, and as with any swap that fails, nobody knows whether
 * it took place.
 */
export class RemoteLock implements Lock {
  readonly #path: string
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #port: LockPort | undefined
  #lastId = 0

  constructor(path: string) {
    this.#path = path
  }

  /** From now on the lock is behind this port, where `serveLock` runs. */
  connect(port: LockPort): void {
    this.#disconnect()
    this.#port = port
    port.on('message', (message) => this.#settle(message as Reply))
    port.on('close', () => {
      if (this.#port === port) this.#disconnect()
    })
    port.unref()
  }

  read(): Promise<Locked | undefined> {
    return this.#ask({ call: 'read' })
  }

  swap(from: number, value: string): Promise<boolean> {
    return this.#ask({ call: 'swap', from, value })
  }

  async close(): Promise<void> {
    this.#disconnect()
  }

  #ask<Result>(call: Call): Promise<Result> {
    if (this.#port === undefined) return Promise.reject(this.#gone())
    const waiting = Promise.withResolvers<unknown>()
    this.#lastId += 1
    this.#waiting.set(this.#lastId, waiting)
    this.#port.postMessage({ ...call, id: this.#lastId })
    return waiting.promise as Promise<Result>
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if ('failure' in reply) waiting?.reject(this.#failed(reply.failure))
    else waiting?.resolve(reply.result)
  }

  #disconnect(): void {
    this.#port?.close()
    this.#port = undefined
    for (const { reject } of this.#waiting.values()) reject(this.#gone())
    this.#waiting.clear()
  }

  #failed({ code, message }: Failure): DiskError {
    return new DiskError(code, this.#path, message)
  }

  #gone(): DiskError {
    return this.#failed({ code: 'DISK_IO', message: 'lock: the thread that holds it is gone' })
  }
}

/** The other end: carries out what arrives, in the order it arrives. */
export function serveLock(port: LockPort, lock: Lock): void {
  port.on('message', (message) => void answer(port, lock, message as Request))
  port.on('close', () => void lock.close())
}

async function answer(port: LockPort, lock: Lock, request: Request): Promise<void> {
  const { id } = request
  try {
    const asked = request.call === 'read' ? lock.read() : lock.swap(request.from, request.value)
    port.postMessage({ id, result: await asked })
  } catch (cause) {
    port.postMessage({ id, failure: failureOf(cause) })
  }
}

function failureOf(cause: unknown): Failure {
  const message = cause instanceof Error ? cause.message : String(cause)
  if (!(cause instanceof DiskError)) return { code: 'DISK_IO', message }
  return { code: cause.code, message: message.slice(0, -`: ${cause.path}`.length) }
}

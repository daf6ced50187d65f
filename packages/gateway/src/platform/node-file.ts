import * as fs from 'node:fs'
import type { ShortCalls } from './calls.ts'
import { DiskError } from './disk-error.ts'
import { call } from './node-call.ts'
import type { DiskFile } from './types.ts'

/** An open file of the real file system. Every call checks that it was not closed before. */
export class NodeFile implements DiskFile {
  readonly #path: string
  readonly #calls: ShortCalls
  readonly #syncsWrites: boolean
  #handle: number | undefined

  constructor(options: {
    readonly handle: number
    readonly path: string
    readonly calls: ShortCalls
    readonly flushesWrites: boolean
  }) {
    this.#handle = options.handle
    this.#path = options.path
    this.#calls = options.calls
    this.#syncsWrites = options.flushesWrites
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const count = await this.#call<number>('read', (handle, done) =>
        this.#calls.read(handle, bytes, filled, length - filled, offset + filled, done),
      )
      if (count === 0) break
      filled += count
    }
    return filled === length ? bytes : bytes.subarray(0, filled)
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let written = 0
    while (written < bytes.length) {
      const count = await this.#call<number>('write', (handle, done) =>
        fs.write(handle, bytes, written, bytes.length - written, offset + written, done),
      )
      if (count === 0) throw new DiskError('DISK_IO', this.#path, 'write: nothing written')
      written += count
    }
    if (this.#syncsWrites) await this.sync()
  }

  sync(): Promise<void> {
    return this.#call('sync', (handle, done) => fs.fdatasync(handle, done))
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('truncate', (handle, done) => fs.ftruncate(handle, bytes, done))
  }

  async size(): Promise<number> {
    const facts = await this.#call<fs.Stats>('stat', (handle, done) =>
      this.#calls.fstat(handle, done),
    )
    if (!facts.isFile()) throw new DiskError('DISK_NOT_A_FILE', this.#path, 'not a regular file')
    return facts.size
  }

  /** The handle is given up even when closing fails: the kernel has let go of it. */
  close(): Promise<void> {
    const closing = this.#call<void>('close', (handle, done) => this.#calls.close(handle, done))
    this.#handle = undefined
    return closing
  }

  #call<Result = void>(
    operation: string,
    start: (
      handle: number,
      done: (error: NodeJS.ErrnoException | null, result?: Result) => void,
    ) => void,
  ): Promise<Result> {
    const handle = this.#handle
    if (handle === undefined) {
      return Promise.reject(new DiskError('DISK_IO', this.#path, `${operation}: file is closed`))
    }
    return call<Result>(operation, this.#path, (done) => start(handle, done))
  }
}

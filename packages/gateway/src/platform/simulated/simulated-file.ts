import { DiskError } from '../disk-error.ts'
import type { DiskFile, OpenMode } from '../types.ts'
import type { DiskOperation, FaultEffect } from './fault-plan.ts'
import { type Flush, PAGE_BYTES, type SimulatedInode } from './simulated-inode.ts'
import { type Machine, never, perform } from './simulated-machine.ts'

/** An open file of a simulated disk. */
export class SimulatedFile implements DiskFile {
  readonly #machine: Machine
  readonly #inode: SimulatedInode
  readonly #path: string
  readonly #mode: OpenMode
  readonly #writing = new Set<{ readonly from: number; readonly to: number }>()
  #pending = 0

  constructor(machine: Machine, inode: SimulatedInode, path: string, mode: OpenMode) {
    this.#machine = machine
    this.#inode = inode
    this.#path = path
    this.#mode = mode
    inode.handles++
    machine.open.set(this, path)
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#act('read', () => this.#inode.read(offset, length))
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.#refuseReader('write')
    const span = { from: offset, to: offset + bytes.length }
    for (const other of this.#writing) {
      if (other.from < span.to && span.from < other.to) this.#misused('overlapping writes')
    }
    this.#writing.add(span)
    // The kernel reads the caller's bytes at some moment of the call: they must not change in it.
    const given = bytes.slice()
    const struck = this.#machine.faults.strike('write', this.#path)
    let flush: Flush | undefined
    const put = () => {
      this.#put(offset, this.#affected(given, struck?.effect))
      if (this.#isDurable) flush = this.#inode.beginFlush(span.from, span.to)
      if (struck !== undefined && struck.effect !== 'flip') this.#fail(struck.error, flush)
    }
    try {
      await this.#run('write', put, () => {
        if (flush !== undefined) this.#inode.endFlush(flush, () => true)
      })
    } finally {
      this.#writing.delete(span)
      if (Buffer.compare(given, bytes) !== 0) this.#misused('bytes changed while written')
    }
  }

  async sync(): Promise<void> {
    const struck = this.#machine.faults.strike('sync', this.#path)
    const flush = this.#inode.beginFlush()
    await this.#run(
      'sync',
      () => {
        if (struck !== undefined) this.#fail(struck.error, flush)
      },
      () => this.#inode.endFlush(flush, () => true),
    )
  }

  truncate(bytes: number): Promise<void> {
    this.#refuseReader('truncate')
    return this.#act('truncate', () => this.#inode.truncate(bytes))
  }

  size(): Promise<number> {
    return this.#act('stat', () => this.#inode.size)
  }

  /** The process that held this file is gone. */
  abandon(): void {
    this.#inode.handles--
    this.#inode.releaseIfUnused()
  }

  /** Opening it failed after all. */
  forget(): void {
    this.#machine.open.delete(this)
    this.abandon()
  }

  async close(): Promise<void> {
    if (this.#machine.isDown) return never()
    if (this.#pending > 0) this.#misused('closed while an operation runs')
    const isOpen = this.#machine.open.delete(this)
    const struck = this.#machine.faults.strike('close', this.#path)
    if (!isOpen) this.#refuseClosed('close')
    this.abandon()
    await perform(this.#machine, () => {
      if (struck !== undefined) throw struck.error
    })
  }

  get #isDurable(): boolean {
    return this.#mode.for === 'write' && this.#mode.durable === true
  }

  /** What of the bytes reaches the file. */
  #affected(bytes: Uint8Array, effect: FaultEffect = 'all'): Uint8Array {
    const { random } = this.#machine
    if (effect === 'all') return bytes
    if (effect !== 'flip')
      return bytes.subarray(0, effect === 'none' ? 0 : random.below(bytes.length))
    const flipped = bytes.slice()
    const at = random.below(flipped.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8))
    return flipped
  }

  #put(offset: number, bytes: Uint8Array): void {
    const { usage, capacityBytes, faults } = this.#machine
    const pagesMax = Math.max(0, Math.floor(capacityBytes / PAGE_BYTES) - usage.pages)
    if (this.#inode.write(offset, bytes, pagesMax) === bytes.length) return
    faults.count('disk full')
    throw new DiskError('DISK_FULL', this.#path, 'write: no space')
  }

  /** A failed flush leaves its pages clean, and any part of them on the disk. */
  #fail(error: DiskError, flush: Flush | undefined): void {
    const { random } = this.#machine
    if (flush !== undefined) this.#inode.endFlush(flush, () => random.chance(0.5))
    throw error
  }

  #act<Result>(operation: DiskOperation, effect: () => Result): Promise<Result> {
    const struck = this.#machine.faults.strike(operation, this.#path)
    return this.#run(operation, () => {
      if (struck !== undefined) throw struck.error
      return effect()
    })
  }

  async #run<Result>(what: string, effect: () => Result, finish?: () => void): Promise<Result> {
    if (!this.#machine.isDown && !this.#machine.open.has(this)) this.#refuseClosed(what)
    this.#pending++
    try {
      return await perform(this.#machine, effect, finish)
    } finally {
      this.#pending--
    }
  }

  #refuseReader(what: string): void {
    if (this.#mode.for === 'write') return
    this.#misused(`${what} on a file opened for reading`)
    throw new DiskError('DISK_IO', this.#path, `${what}: not open for writing`)
  }

  #refuseClosed(what: string): never {
    this.#misused(`${what} after close`)
    throw new DiskError('DISK_IO', this.#path, `${what}: file is closed`)
  }

  #misused(how: string): void {
    this.#machine.misuses.push(`${this.#path}: ${how}`)
  }
}

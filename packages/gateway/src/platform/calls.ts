import * as fs from 'node:fs'
import { FlushTurns } from './flush-turns.ts'

type Done<Result = void> = (error: NodeJS.ErrnoException | null, result?: Result) => void

/** How an open file is worked on: which thread waits for the system. */
export interface Calls {
  /** Whether a durable write is a write and then a flush, instead of one call. */
  readonly flushesApart: boolean
  open(path: string, flags: number, permissions: number, done: Done<number>): void
  close(handle: number, done: Done): void
  read(
    handle: number,
    into: Uint8Array,
    at: number,
    length: number,
    offset: number,
    done: Done<number>,
  ): void
  write(
    handle: number,
    from: Uint8Array,
    at: number,
    length: number,
    offset: number,
    done: Done<number>,
  ): void
  flush(handle: number, done: Done): void
  fstat(handle: number, done: Done<fs.Stats>): void
  rename(from: string, to: string, done: Done): void
}

/** Each a hop through the thread pool: a thread that answers others never waits. */
export const POOLED: Calls = {
  flushesApart: false,
  open: (path, flags, permissions, done) => fs.open(path, flags, permissions, done),
  close: (handle, done) => fs.close(handle, done),
  read: (handle, into, at, length, offset, done) => fs.read(handle, into, at, length, offset, done),
  write: (handle, from, at, length, offset, done) =>
    fs.write(handle, from, at, length, offset, done),
  flush: (handle, done) => fs.fdatasync(handle, done),
  fstat: (handle, done) => fs.fstat(handle, done),
  rename: (from, to, done) => fs.rename(from, to, done),
}

const turns = new FlushTurns({
  nowMs: () => performance.now(),
  inPlace: (handle, done) => answer(() => fs.fdatasyncSync(handle), done),
  away: (handle, done) => fs.fdatasync(handle, done),
})

/**
 * Each at once in the calling thread, which saves two thread switches that cost more than the call:
 * for a worker that has nobody to answer. Files that wait for their flush together share what the
 * file system writes for all of them: inodes, directories, its journal.
 */
export const IN_PLACE: Calls = {
  flushesApart: true,
  open: (path, flags, permissions, done) =>
    answer(() => fs.openSync(path, flags, permissions), done),
  close: (handle, done) => answer(() => fs.closeSync(handle), done),
  read: (handle, into, at, length, offset, done) =>
    answer(() => fs.readSync(handle, into, at, length, offset), done),
  write: (handle, from, at, length, offset, done) =>
    answer(() => fs.writeSync(handle, from, at, length, offset), done),
  flush: turns.flush,
  fstat: (handle, done) => answer(() => fs.fstatSync(handle), done),
  rename: (from, to, done) => answer(() => fs.renameSync(from, to), done),
}

function answer<Result>(work: () => Result, done: Done<Result>): void {
  let result: Result
  try {
    result = work()
  } catch (error) {
    done(error as NodeJS.ErrnoException)
    return
  }
  done(null, result)
}

import * as fs from 'node:fs'

type Done<Result = void> = (error: NodeJS.ErrnoException | null, result?: Result) => void

/** The calls of `node:fs` that only touch memory where a file was just written or is being made. */
export interface ShortCalls {
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
  fstat(handle: number, done: Done<fs.Stats>): void
  rename(from: string, to: string, done: Done): void
}

/** Each a hop through the thread pool: a thread that answers others never waits. */
export const POOLED: ShortCalls = {
  open: (path, flags, permissions, done) => fs.open(path, flags, permissions, done),
  close: (handle, done) => fs.close(handle, done),
  read: (handle, into, at, length, offset, done) => fs.read(handle, into, at, length, offset, done),
  fstat: (handle, done) => fs.fstat(handle, done),
  rename: (from, to, done) => fs.rename(from, to, done),
}

/**
 * Each at once in the calling thread, which saves two thread switches that cost more than the call:
 * for a worker that has nobody to answer.
 */
export const IN_PLACE: ShortCalls = {
  open: (path, flags, permissions, done) =>
    answer(() => fs.openSync(path, flags, permissions), done),
  close: (handle, done) => answer(() => fs.closeSync(handle), done),
  read: (handle, into, at, length, offset, done) =>
    answer(() => fs.readSync(handle, into, at, length, offset), done),
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

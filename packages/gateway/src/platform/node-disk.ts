import * as fs from 'node:fs'
import { resolve } from 'node:path'
import { IN_PLACE, POOLED, type ShortCalls } from './calls.ts'
import { DiskError, diskErrorCode } from './disk-error.ts'
import { makeDirectoryDurably } from './make-directory.ts'
import { call } from './node-call.ts'
import { NodeFile } from './node-file.ts'
import type {
  DirectoryEntry,
  Disk,
  DiskFile,
  DiskSpace,
  FileFacts,
  FileKind,
  OpenMode,
} from './types.ts'

/** What `read` of a whole file takes when the caller names no limit. */
export const READ_BYTES_MAX = 64 * 1024 * 1024

// Nobody but the gateway's own user reads what it keeps, whatever the umask says.
const FILE_PERMISSIONS = 0o600
const DIRECTORY_PERMISSIONS = 0o700

// macOS gives O_DSYNC without flushing the drive; there every durable write is followed by a flush.
const WRITES_FLUSH = process.platform !== 'darwin'

const { O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } =
  fs.constants

// A pipe put in a file's place must neither block the open nor be read.
const SAFELY = O_NOFOLLOW | O_NONBLOCK

export interface NodeDiskOptions {
  /**
   * `in place`: opening, closing, reading and renaming block the calling thread, which is cheaper.
   * Writes and flushes never do.
   */
  readonly shortCalls?: 'pooled' | 'in place'
}

/** The real file system: callback `node:fs`, one thread-pool hop an operation. */
export function nodeDisk(options: NodeDiskOptions = {}): Disk {
  const calls = options.shortCalls === 'in place' ? IN_PLACE : POOLED
  return {
    open: (path, mode) => open(calls, path, mode),
    read: (path, bytesMax) => read(calls, path, bytesMax),
    list,
    stat,
    rename: (from, to) => call('rename', from, (done) => calls.rename(from, to, done)),
    remove: (path) => call('remove', path, (done) => fs.unlink(path, done)),
    makeDirectory: (path) =>
      makeDirectoryDurably(resolve(path), { stat, make, sync: syncDirectory }),
    removeDirectory: (path) => call('remove directory', path, (done) => fs.rmdir(path, done)),
    syncDirectory,
    space,
  }
}

interface Opened {
  readonly file: NodeFile
  /** Undefined of a file that was just made. */
  readonly bytes: number | undefined
}

async function open(calls: ShortCalls, path: string, mode: OpenMode): Promise<DiskFile> {
  return (await openAsked(calls, path, mode)).file
}

async function openAsked(calls: ShortCalls, path: string, mode: OpenMode): Promise<Opened> {
  const flags = openFlags(mode)
  const handle = await call<number>('open', path, (done) =>
    calls.open(path, flags | SAFELY, FILE_PERMISSIONS, done),
  )
  const flushes = mode.for === 'write' && mode.durable === true && !WRITES_FLUSH
  const file = new NodeFile({ handle, path, calls, flushesWrites: flushes })
  // An exclusive creation made a regular file; anything else may have been put there.
  const bytes = (flags & O_EXCL) === 0 ? await refuseOther(file) : undefined
  return { file, bytes }
}

function openFlags(mode: OpenMode): number {
  if (mode.for === 'read') return O_RDONLY
  const creation = { new: O_CREAT | O_EXCL, 'if-missing': O_CREAT, never: 0 }[mode.create]
  return O_RDWR | creation | (mode.durable === true && WRITES_FLUSH ? O_DSYNC : 0)
}

async function refuseOther(file: NodeFile): Promise<number> {
  try {
    return await file.size()
  } catch (cause) {
    await file.close()
    throw cause
  }
}

async function read(
  calls: ShortCalls,
  path: string,
  bytesMax: number = READ_BYTES_MAX,
): Promise<Uint8Array> {
  const { file, bytes = 0 } = await openAsked(calls, path, { for: 'read' })
  try {
    if (bytes > bytesMax) {
      throw new DiskError('DISK_TOO_LARGE', path, `file has ${bytes} of at most ${bytesMax} bytes`)
    }
    return await file.read(0, bytes)
  } finally {
    await file.close()
  }
}

async function list(path: string): Promise<readonly DirectoryEntry[]> {
  const entries = await call<fs.Dirent[]>('list', path, (done) =>
    fs.readdir(path, { withFileTypes: true }, done),
  )
  return entries
    .map((entry) => ({ name: entry.name, kind: kindOf(entry) }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

async function stat(path: string): Promise<FileFacts | undefined> {
  try {
    const facts = await call<fs.Stats>('stat', path, (done) => fs.lstat(path, done))
    return { kind: kindOf(facts), bytes: facts.size, allocatedBytes: facts.blocks * 512 }
  } catch (error) {
    // A path through what is no directory leads nowhere too.
    const code = diskErrorCode(error)
    if (code === 'DISK_NOT_FOUND' || code === 'DISK_NOT_A_FILE') return undefined
    throw error
  }
}

function kindOf(of: { isFile(): boolean; isDirectory(): boolean }): FileKind {
  if (of.isFile()) return 'file'
  return of.isDirectory() ? 'directory' : 'other'
}

function make(path: string): Promise<void> {
  return call('make directory', path, (done) => fs.mkdir(path, DIRECTORY_PERMISSIONS, done))
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await call<number>('open', path, (done) =>
    fs.open(path, O_RDONLY | O_DIRECTORY, done),
  )
  try {
    await call('sync', path, (done) => fs.fsync(handle, done))
  } finally {
    await call('close', path, (done) => fs.close(handle, done))
  }
}

async function space(path: string): Promise<DiskSpace> {
  const facts = await call<fs.StatsFs>('statfs', path, (done) => fs.statfs(path, done))
  return { freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize }
}

/** A pending callback. */
export interface Timer {
  /** Forgets the callback; does nothing when it has run. */
  cancel(): void
}

/** Time, as the rest of the gateway may know it. */
export interface Clock {
  /** Wall clock in whole microseconds since 1970-01-01 UTC. A safe integer. It may jump. */
  nowUs(): number
  /** Monotonic milliseconds with a fraction; only differences mean anything. */
  ticksMs(): number
  /** Calls `run` once, `delayMs` from now. A pending timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer
  /** Calls `run` when all that came in this turn of the event loop was seen to. */
  atTurnEnd(run: () => void): void
}

/** Unpredictable bytes: keys, salts, identifiers. */
export interface Random {
  bytes(count: number): Uint8Array
}

/** How a file is opened. Paths are absolute or relative to the process; `/` separates. */
export type OpenMode =
  | { readonly for: 'read' }
  | {
      readonly for: 'write'
      /** `new` fails with DISK_EXISTS on an existing file; `never` with DISK_NOT_FOUND. */
      readonly create: 'new' | 'if-missing' | 'never'
      /** Every write is on the disk when it resolves (O_DSYNC). */
      readonly durable?: boolean
    }

/** An open file. Reads and writes name their offset; there is no cursor. */
export interface DiskFile {
  /** Reads up to `length` bytes at `offset`; shorter only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Writes all of `bytes` at `offset`, or throws and leaves any part of them written. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** Makes data and size durable (fdatasync). After one failure nothing may be assumed. */
  sync(): Promise<void>
  truncate(bytes: number): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

/** What a directory holds. */
export interface DirectoryEntry {
  readonly name: string
  readonly kind: FileKind
}

/** `other` is what a ledger never contains: a link, a pipe, a device. */
export type FileKind = 'file' | 'directory' | 'other'

/** The file system, with durability said aloud: nothing is durable until it is synced. */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>
  /** A whole file. Refuses what is not a regular file, and more than `bytesMax`. */
  read(path: string, bytesMax?: number): Promise<Uint8Array>
  /** Entries by name in code-unit order; DISK_NOT_FOUND when the directory is missing. */
  list(path: string): Promise<readonly DirectoryEntry[]>
  /** Kind, size and allocation, links not followed; undefined when there is nothing. */
  stat(path: string): Promise<FileFacts | undefined>
  /** Replaces `to` in one step. Durable once its directory is synced. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Creates the directory and its missing parents, each durable in its own parent. */
  makeDirectory(path: string): Promise<void>
  removeDirectory(path: string): Promise<void>
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** The room there is on the volume of a directory. */
  space(path: string): Promise<DiskSpace>
}

/** Room on one volume. */
export interface DiskSpace {
  /** What this process may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface FileFacts {
  readonly kind: FileKind
  readonly bytes: number
  readonly allocatedBytes: number
}

/** A value that only one writer can move forward: compare-and-swap, durable when it resolves. */
export interface Lock {
  /** The newest value; undefined when the lock was never written. */
  read(): Promise<Locked | undefined>
  /** Writes `value` if the newest version is still `from` (0: never written). False: it is not. */
  swap(from: number, value: string): Promise<boolean>
  close(): Promise<void>
}

export interface Locked {
  /** 1 for the first value, one more for each. */
  readonly version: number
  readonly value: string
}

/** Holds a directory against a second process; the operating system releases it on any death. */
export interface Ownership {
  release(): Promise<void>
}

export type Claim = (directory: string) => Promise<Ownership>

import { lstatSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { DiskError } from './disk-error.ts'
import type { Lock, Locked } from './types.ts'

/** How long a call waits for another process that reads or moves the lock. */
const BUSY_MS_MAX = 5_000

const SQLITE_FULL = 13

/**
 * A lock in a SQLite file, which may lie on another volume than what it guards; its directory must
 * exist. A rollback journal instead of a write-ahead log: one file, no shared memory, and with
 * `synchronous = EXTRA` the removal of the journal, which is the commit, is flushed as well.
 * `readOnly`: nothing is written, and what a crash left half done is an error (DISK_IO).
 */
export function sqliteLock(path: string, { readOnly = false } = {}): Lock {
  let database: DatabaseSync | undefined

  // A connection that failed is not asked again: the next call opens a new one, and SQLite's own
  // recovery of the journal decides which value the lock holds.
  const on = async <Result>(act: (database: DatabaseSync) => Result): Promise<Result> => {
    try {
      database ??= openDatabase(path, readOnly)
      return act(database)
    } catch (cause) {
      const failed = database
      database = undefined
      failed?.close()
      if (cause instanceof DiskError) throw cause
      const code = isFull(cause) ? 'DISK_FULL' : 'DISK_IO'
      throw new DiskError(code, path, `lock: ${messageOf(cause)}`, { cause })
    }
  }

  return {
    read: async () => (isThere(path) ? on(readLocked) : undefined),
    swap: (from, value) => on((opened) => swapLocked(opened, from, value)),
    async close() {
      database?.close()
      database = undefined
    },
  }
}

function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  isThere(path)
  const database = new DatabaseSync(path, { timeout: BUSY_MS_MAX, readOnly })
  database.exec('PRAGMA synchronous = EXTRA')
  return database
}

function isThere(path: string): boolean {
  const facts = lstatSync(path, { throwIfNoEntry: false })
  if (facts !== undefined && !facts.isFile()) {
    throw new DiskError('DISK_NOT_A_FILE', path, 'lock is not a regular file')
  }
  return facts !== undefined
}

function readLocked(database: DatabaseSync): Locked | undefined {
  // A process that died between creating the file and its first commit left a database without it.
  const table = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'lock'"
  if (database.prepare(table).get() === undefined) return undefined
  const row = database.prepare('SELECT version, value FROM lock WHERE id = 1').get()
  if (row === undefined) return undefined
  return { version: Number(row.version), value: String(row.value) }
}

function swapLocked(database: DatabaseSync, from: number, value: string): boolean {
  database.exec('BEGIN IMMEDIATE')
  const version = readLocked(database)?.version ?? 0
  if (version !== from) {
    database.exec('ROLLBACK')
    return false
  }
  database.exec(
    'CREATE TABLE IF NOT EXISTS lock (id INTEGER PRIMARY KEY CHECK (id = 1), ' +
      'version INTEGER NOT NULL, value TEXT NOT NULL) STRICT',
  )
  const replace = 'INSERT OR REPLACE INTO lock (id, version, value) VALUES (1, ?, ?)'
  database.prepare(replace).run(from + 1, value)
  database.exec('COMMIT')
  return true
}

/** SQLITE_FULL: SQLite has rolled back, and the lock holds what it held. */
function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_FULL
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

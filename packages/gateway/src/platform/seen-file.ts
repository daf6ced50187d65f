import { readFileSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Names that were seen, in a file that every process of this machine may have open at once. */
export interface SeenFile {
  /** The highest `mark` of what may be forgotten, by any process; undefined: nothing is. */
  readonly forgottenMark: number | undefined
  /**
   * `new` exactly once for each name, whoever asks; `full`: it cannot be known.
   *
   * @param untilUs  it may be forgotten from then on
   * @param mark     what is told of it once it is forgotten
   */
  add(
    name: string,
    entry: { nowUs: number; untilUs: number; mark: number },
  ): 'new' | 'seen' | 'full'
  close(): void
}

const BUSY_MS_MAX = 1000
const ADDS_BETWEEN_SWEEPS = 1000
const SWEEP_EVERY_US_WHEN_FULL = 1_000_000
const BOOT_ID = '/proc/sys/kernel/random/boot_id'

export interface SeenFileOptions {
  readonly entriesMax: number
  /** Of a file that begins anew: up to this mark something may have been seen that it lacks. */
  readonly unknownMark: number
}

/**
 * Nothing is flushed: what is written outlives the process, not the machine. A machine that was
 * started since, or cannot say, remembers nothing, and the file begins anew.
 */
export function openSeenFile(path: string, options: SeenFileOptions): SeenFile {
  const boot = bootId()
  try {
    return new SqliteSeen(path, boot, options)
  } catch (error) {
    // Busy or not readable is for whoever starts us; torn by a power cut, it holds nothing to keep.
    if (!isTorn(error)) throw error
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    return new SqliteSeen(path, boot, options)
  }
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isTorn(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  return error.errcode === 11 || error.errcode === 26
}

class SqliteSeen implements SeenFile {
  readonly #database: DatabaseSync
  readonly #entriesMax: number
  readonly #insert: StatementSync
  #count = 0
  #sinceSweep = 0
  #sweptAtUs = Number.NEGATIVE_INFINITY
  #forgottenMark: number | undefined

  constructor(path: string, boot: string | undefined, options: SeenFileOptions) {
    this.#entriesMax = options.entriesMax
    this.#database = new DatabaseSync(path, { timeout: BUSY_MS_MAX })
    this.#database.exec(SCHEMA)
    this.#beginUnless(boot, options.unknownMark)
    this.#insert = this.#database.prepare('INSERT OR IGNORE INTO seen VALUES (?, ?, ?)')
    this.#readTotals()
  }

  get forgottenMark(): number | undefined {
    return this.#forgottenMark
  }

  add(
    name: string,
    { nowUs, untilUs, mark }: { nowUs: number; untilUs: number; mark: number },
  ): 'new' | 'seen' | 'full' {
    try {
      this.#sinceSweep += 1
      if (this.#isSweepDue(nowUs)) this.#sweep(nowUs)
      if (this.#count >= this.#entriesMax) return this.#has(name) ? 'seen' : 'full'
      if (this.#insert.run(name, untilUs, mark).changes === 0) return 'seen'
      this.#count += 1
      return 'new'
    } catch {
      return 'full' // The disk is, or another process has the file for too long.
    }
  }

  close(): void {
    this.#database.close()
  }

  /** Looked at and begun in one step: what another process has added meanwhile stays. */
  #beginUnless(boot: string | undefined, unknownMark: number): void {
    this.#database.exec('BEGIN IMMEDIATE')
    const row = this.#database.prepare('SELECT boot FROM life WHERE id = 1').get()
    if (boot === undefined || row?.boot !== boot) {
      // Where lives of the machine cannot be told apart, other processes may have it open.
      if (boot !== undefined) this.#database.exec('DELETE FROM seen')
      const replace = 'INSERT OR REPLACE INTO life (id, boot, forgotten) VALUES (1, ?, ?)'
      this.#database.prepare(replace).run(boot ?? '', unknownMark)
    }
    this.#database.exec('COMMIT')
  }

  /** A full file is looked through once a second, not for everyone that it turns away. */
  #isSweepDue(nowUs: number): boolean {
    if (this.#count < this.#entriesMax) return this.#sinceSweep >= ADDS_BETWEEN_SWEEPS
    return Math.abs(nowUs - this.#sweptAtUs) >= SWEEP_EVERY_US_WHEN_FULL
  }

  #sweep(nowUs: number): void {
    this.#sinceSweep = 0
    this.#sweptAtUs = nowUs
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      this.#forget(nowUs)
      this.#database.exec('COMMIT')
    } catch (error) {
      // Left open, what is added from now on would be nobody else's to see, and lost with us.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
    this.#readTotals()
  }

  #forget(nowUs: number): void {
    this.#database
      .prepare(
        'UPDATE life SET forgotten = max(coalesce(forgotten, 0), coalesce(' +
          '(SELECT max(mark) FROM seen WHERE until < ?), 0)) WHERE id = 1',
      )
      .run(nowUs)
    this.#database.prepare('DELETE FROM seen WHERE until < ?').run(nowUs)
  }

  #readTotals(): void {
    const life = this.#database.prepare('SELECT forgotten FROM life WHERE id = 1').get()
    const forgotten = Number(life?.forgotten ?? 0)
    this.#forgottenMark = forgotten === 0 ? undefined : forgotten
    this.#count = Number(this.#database.prepare('SELECT count(*) AS n FROM seen').get()?.n ?? 0)
  }

  #has(name: string): boolean {
    return this.#database.prepare('SELECT 1 FROM seen WHERE name = ?').get(name) !== undefined
  }
}

const SCHEMA = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS seen
  (name TEXT PRIMARY KEY, until INTEGER NOT NULL, mark INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_until ON seen (until);
CREATE TABLE IF NOT EXISTS life
  (id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL, forgotten INTEGER) STRICT;`

/** Which life of the machine this is; undefined where it cannot be known. */
function bootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID, 'latin1').trim() || undefined
  } catch {
    return undefined // not Linux
  }
}

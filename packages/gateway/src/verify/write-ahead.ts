import { LedgerError, openWal, type StoredEntry } from '../ledger/index.ts'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import type { Sealer } from '../vault/index.ts'
import { bringsKeys, decodePayload, type KeyRing } from '../vault/index.ts'
import type { Findings } from './report.ts'
import { strangeness } from './source.ts'
import { VerifyError } from './verify-error.ts'

/**
 * A running gateway may drop a segment while it is read, its entries being packed by then; or write
 * two batches while one read goes on, which then has the second and not the first. What is damaged
 * stays so.
 */
const ATTEMPTS_MAX = 5

/** What the write-ahead log still holds: entries that no block has yet, and some that one has. */
export class WriteAhead {
  static readonly none: WriteAhead = new WriteAhead(new Map())
  readonly #entries: ReadonlyMap<number, StoredEntry>
  readonly #first: number

  private constructor(entries: ReadonlyMap<number, StoredEntry>) {
    this.#entries = entries
    const [first = Number.POSITIVE_INFINITY] = entries.keys()
    this.#first = first
  }

  /** Reads all of it: two segments at most, but where a gateway is behind with packing. */
  static async read(options: {
    readonly disk: Disk
    readonly directory: string
    readonly sealer: Sealer
    readonly ring: KeyRing
    /** A checkpoint over this many entries was seen: they were written ahead before. */
    readonly size: number
    readonly to: Findings
  }): Promise<WriteAhead> {
    const { size, to } = options
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { entries, end } = await readAll(options)
        if (end < size) {
          to.add('file', `ends at entry ${end}, and checkpoint ${size} is shown`, { file: WAL })
        }
        return new WriteAhead(entries)
      } catch (cause) {
        const mayPass = diskErrorCode(cause) === 'DISK_NOT_FOUND' || cause instanceof LedgerError
        if (mayPass && attempt < ATTEMPTS_MAX) continue
        if (cause instanceof LedgerError) {
          to.add('file', `cannot be read back: ${cause.message}`, { file: WAL })
          return WriteAhead.none
        }
        const strange = strangeness(cause)
        if (strange !== undefined) {
          to.add('file', `holds something that ${strange}`, { file: WAL })
          return WriteAhead.none
        }
        throw new VerifyError('VERIFY_UNREADABLE', `cannot read ${options.directory}`, { cause })
      }
    }
  }

  payload(index: number): Uint8Array | undefined {
    return this.#entries.get(index)?.payload
  }

  leaf(index: number): Uint8Array | undefined {
    return index < this.#first ? undefined : this.#entries.get(index)?.leaf
  }
}

const WAL = 'state/wal'

/** The keys that payloads brought are learned here: a block may use one before its file has it. */
async function readAll(options: {
  readonly disk: Disk
  readonly directory: string
  readonly sealer: Sealer
  readonly ring: KeyRing
}): Promise<{ readonly entries: ReadonlyMap<number, StoredEntry>; readonly end: number }> {
  const entries = new Map<number, StoredEntry>()
  const wal = await openWal(options)
  let end: number = wal.segments.at(-1) ?? 0
  for await (const entry of wal.entries()) {
    entries.set(entry.index, entry)
    end = entry.index + 1
    if (!bringsKeys(entry.payload)) continue
    for (const row of decodePayload(entry.payload)?.rows ?? []) options.ring.learn(row)
  }
  return { entries, end }
}

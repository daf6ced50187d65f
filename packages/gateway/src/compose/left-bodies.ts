import { parseWhen, SECTIONS } from '@countersign/evidence'
import { LedgerError, type Wal } from '../ledger/index.ts'
import { diskErrorCode } from '../platform/index.ts'
import {
  BLOCK_ENTRIES,
  type BlockReader,
  decodePayload,
  type LeftBody,
  type OpenedRecord,
  VaultError,
} from '../vault/index.ts'

export interface LeftBodiesNeeds {
  readonly wal: () => Promise<Pick<Wal, 'segments' | 'entries'>>
  /** Of what is packed alone: what is not yet is read from the write-ahead log, all of it once. */
  readonly reader: Pick<BlockReader, 'block'>
}

/**
 * The ledger goes on meanwhile: a segment may be dropped, its entries being packed by then, or
 * written while it is read, which may then have the second of two batches and not the first; and
 * files of blocks give way to wider ones.
 */
const ATTEMPTS_MAX = 5

/**
 * Which of the bodies that an earlier life left are named by a record: nearly always one that the
 * write-ahead log still holds. Before any is called nameless, every record of its life and of those
 * after it was read. Throws where one of them cannot be.
 */
export async function namedOf(
  left: readonly LeftBody[],
  needs: LeftBodiesNeeds,
): Promise<ReadonlySet<string>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await searchAll(left, needs)
    } catch (cause) {
      if (!mayPass(cause) || attempt === ATTEMPTS_MAX) throw cause
    }
  }
}

function mayPass(cause: unknown): boolean {
  if (cause instanceof VaultError) return cause.code === 'VAULT_FILE_MISSING'
  return cause instanceof LedgerError || diskErrorCode(cause) === 'DISK_NOT_FOUND'
}

async function searchAll(
  left: readonly LeftBody[],
  { wal, reader }: LeftBodiesNeeds,
): Promise<ReadonlySet<string>> {
  const search = new Search(left.map(({ sha256 }) => sha256))
  const { segments, entries } = await wal()
  for await (const { payload } of entries()) {
    for (const { bytes } of decodePayload(payload)?.sections ?? []) search.in(bytes)
    if (search.isOver) return search.found
  }
  const oldest = Math.min(...left.map(({ incarnation }) => incarnation))
  const first = segments[0] ?? 0
  for (let number = Math.ceil(first / BLOCK_ENTRIES) - 1; number >= 0; number -= 1) {
    const { records, faults } = await reader.block(number)
    if (faults[0] !== undefined) throw faults[0]
    assertWhole(number, records, first)
    for (const record of records) searchRecord(record, search)
    if (search.isOver || isBefore(records[0], oldest)) break
  }
  return search.found
}

/** Everything before the write-ahead log is packed, in a file that may just give way to a wider. */
function assertWhole(number: number, records: readonly OpenedRecord[], first: number): void {
  const begin = number * BLOCK_ENTRIES
  const wanted = Math.min(first - begin, BLOCK_ENTRIES)
  const there = records.filter(({ index }) => index < begin + wanted).length
  if (there === wanted) return
  const message = `block ${number} has ${there} of the ${wanted} entries before ${first}`
  throw new VaultError('VAULT_FILE_MISSING', message)
}

/** A section that is closed might name anything. */
function searchRecord({ index, sections }: OpenedRecord, search: Search): void {
  for (const { id, open, fault } of sections) {
    if (id !== SECTIONS.what && id !== SECTIONS.how) continue
    if (open === undefined) throw fault ?? new Error(`record ${index} has a closed section`)
    search.in(open.bytes)
  }
}

function isBefore(record: OpenedRecord | undefined, incarnation: number): boolean {
  const when = record?.sections.find(({ id }) => id === SECTIONS.when)?.open
  return when !== undefined && parseWhen(when.bytes).incarnation < incarnation
}

const MARK = '"captured"'

class Search {
  readonly found = new Set<string>()
  readonly #wanted: readonly string[]

  constructor(wanted: readonly string[]) {
    this.#wanted = wanted
  }

  get isOver(): boolean {
    return this.found.size === new Set(this.#wanted).size
  }

  in(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    if (!text.includes(MARK)) return
    for (const sha256 of this.#wanted) if (text.includes(sha256)) this.found.add(sha256)
  }
}

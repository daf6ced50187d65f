import {
  formatCheckpoint,
  type Hash,
  type NoteVerifier,
  parseNote,
  type TreeSize,
  treeSize,
} from '@countersign/tlog'
import { type Disk, diskErrorCode, writeFileDurably } from '../platform/index.ts'
import { LedgerError } from './error.ts'
import { readUint64, viewOf, writeUint64 } from './integers.ts'
import { NOTES_NAME } from './layout.ts'

/** size u64 | root 32 | Ed25519 signature 64 */
export const CHECKPOINT_ROW_BYTES = 104

/** A file of rows is closed when it holds this many. */
export const CHECKPOINT_ROWS_MAX = 65_536

const CHUNK_NAME = /^[0-9]{8}$/

/** One published checkpoint in short: its text and its Ed25519 line follow from it. */
export interface CheckpointRow {
  readonly size: TreeSize
  readonly root: Hash
  readonly signature: Uint8Array
}

/**
 * The files of rows, `00000000`, `00000001` …, each full but the last; beside them `notes/<size>`.
 *
 * At each publication the order is: lock, `notes/<size>`, row, `log/checkpoint`. So a crash may
 * leave one row, the last, that is newer than `log/checkpoint`, never more than one and never the
 * other way round; and `checkpoint.tmp`, `notes/<size>.tmp` or a torn last row. The first row of an
 * epoch has size 0.
 */
export class StoredCheckpoints {
  readonly #disk: Disk
  readonly #directory: string
  /** Where the next row goes; known after `resume`. */
  #chunk = 0
  #count = 0
  #last: TreeSize | undefined

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** Every whole row, oldest first, nothing checked. */
  async *rows(): AsyncGenerator<CheckpointRow, void, undefined> {
    for (const chunk of await this.#chunks()) {
      const bytes = await this.#disk.read(`${this.#directory}/${chunk}`)
      for (let at = 0; at + CHECKPOINT_ROW_BYTES <= bytes.length; at += CHECKPOINT_ROW_BYTES) {
        yield parseRow(bytes.subarray(at, at + CHECKPOINT_ROW_BYTES))
      }
    }
  }

  /** The sizes whose whole notes are kept, rising. */
  async noteSizes(): Promise<readonly TreeSize[]> {
    const names = await this.#names(`${this.#directory}/${NOTES_NAME}`)
    const sizes = names.filter((name) => /^(0|[1-9][0-9]{0,15})$/.test(name)).map(Number)
    return sizes.sort((one, other) => one - other) as TreeSize[]
  }

  readNote(size: TreeSize): Promise<Uint8Array> {
    return this.#disk.read(this.#notePath(size))
  }

  async writeNote(size: TreeSize, note: string): Promise<void> {
    const options = { syncDirectory: true }
    await writeFileDurably(
      this.#disk,
      this.#notePath(size),
      new TextEncoder().encode(note),
      options,
    )
  }

  removeNote(size: TreeSize): Promise<void> {
    return this.#disk.remove(this.#notePath(size))
  }

  /**
   * Makes sure that the last row is `row`, and finds where the next one goes. A last row that no
   * signature vouches for is a torn one and is written over; LEDGER_ROLLED_BACK when a good one
   * says that more was published, LEDGER_DAMAGED when the one before it is bad.
   */
  async resume(row: CheckpointRow, isSigned: (row: CheckpointRow) => boolean): Promise<void> {
    const chunks = await this.#chunks()
    this.#chunk = Math.max(0, chunks.length - 1)
    const path = `${this.#directory}/${chunkName(this.#chunk)}`
    const bytes = chunks.length === 0 ? new Uint8Array(0) : await this.#disk.read(path)
    const whole = Math.floor(bytes.length / CHECKPOINT_ROW_BYTES)
    const torn = whole > 0 && signedRow(bytes, whole - 1, isSigned) === undefined
    this.#count = torn ? whole - 1 : whole
    const last = this.#count > 0 ? signedRow(bytes, this.#count - 1, isSigned) : undefined
    if (this.#count > 0 && last === undefined) {
      throw new LedgerError('LEDGER_DAMAGED', `${path}: row ${this.#count - 1} is not signed`)
    }
    if (last !== undefined && last.size > row.size) throw ahead(path, last.size, row.size)
    // Written again even if it is there: after a flush that failed it may be in memory only.
    if (last?.size === row.size) this.#count -= 1
    await this.append(row)
  }

  /** The next row, once. Fails with DISK_FULL and may be called again. */
  async append(row: CheckpointRow): Promise<void> {
    if (this.#last === row.size) return
    const isFull = this.#count === CHECKPOINT_ROWS_MAX
    const [chunk, count] = isFull ? [this.#chunk + 1, 0] : [this.#chunk, this.#count]
    await this.#writeRow(chunkName(chunk), count, row)
    this.#chunk = chunk
    this.#count = count + 1
    this.#last = row.size
  }

  async #writeRow(chunk: string, count: number, row: CheckpointRow): Promise<void> {
    const mode = { for: 'write', create: 'if-missing', durable: true } as const
    const file = await this.#disk.open(this.#path(chunk), mode)
    try {
      await file.write(count * CHECKPOINT_ROW_BYTES, encodeRow(row))
    } finally {
      await file.close()
    }
    if (count === 0) await this.#disk.syncDirectory(this.#directory)
  }

  async #chunks(): Promise<readonly string[]> {
    return (await this.#names(this.#directory)).filter((name) => CHUNK_NAME.test(name))
  }

  async #names(directory: string): Promise<readonly string[]> {
    try {
      return (await this.#disk.list(directory)).map(({ name }) => name)
    } catch (error) {
      if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
      throw error
    }
  }

  #path(chunk: string): string {
    return `${this.#directory}/${chunk}`
  }

  #notePath(size: TreeSize): string {
    return `${this.#directory}/${NOTES_NAME}/${size}`
  }
}

/** The row of a signed note; `ed25519` names the line whose signature it keeps. */
export function checkpointRow(
  published: { readonly size: TreeSize; readonly root: Hash; readonly note: string },
  ed25519: NoteVerifier,
): CheckpointRow {
  const { size, root, note } = published
  const line = parseNote(note).signatures.find(
    ({ name, keyId }) => name === ed25519.name && keyId === ed25519.keyId,
  )
  if (line?.signature.length === 64) return { size, root, signature: line.signature }
  throw new LedgerError('LEDGER_KEYS', `checkpoint ${size} has no Ed25519 line of the log's key`)
}

/** Whether the row's signature is good for the checkpoint it stands for. */
export function isSignedRow(row: CheckpointRow, origin: string, ed25519: NoteVerifier): boolean {
  const { size, root, signature } = row
  try {
    const text = formatCheckpoint({ origin, size, root })
    return ed25519.verify(new TextEncoder().encode(text), signature)
  } catch {
    return false // Size 0 with a root of zeros, as a torn row may be, is no checkpoint at all.
  }
}

function signedRow(
  bytes: Uint8Array,
  position: number,
  isSigned: (row: CheckpointRow) => boolean,
): CheckpointRow | undefined {
  const at = position * CHECKPOINT_ROW_BYTES
  const row = bytes.subarray(at, at + CHECKPOINT_ROW_BYTES)
  if (viewOf(row).getUint16(0) !== 0) return undefined // No size: parsing it would throw.
  const parsed = parseRow(row)
  return isSigned(parsed) ? parsed : undefined
}

function encodeRow({ size, root, signature }: CheckpointRow): Uint8Array {
  const bytes = new Uint8Array(CHECKPOINT_ROW_BYTES)
  writeUint64(viewOf(bytes), 0, size)
  bytes.set(root, 8)
  bytes.set(signature, 40)
  return bytes
}

function parseRow(bytes: Uint8Array): CheckpointRow {
  const size = treeSize(readUint64(viewOf(bytes), 0))
  return { size, root: bytes.slice(8, 40), signature: bytes.slice(40) }
}

function chunkName(number: number): string {
  return String(number).padStart(8, '0')
}

function ahead(path: string, stored: TreeSize, locked: TreeSize): LedgerError {
  const message = `${path}: checkpoint ${stored} was published, but the lock says ${locked}`
  return new LedgerError('LEDGER_ROLLED_BACK', message)
}

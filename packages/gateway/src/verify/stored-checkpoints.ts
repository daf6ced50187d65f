import { type Checkpoint, encodeBase64, NOTE_BYTES_MAX } from '@countersign/tlog'
import { auditCheckpoint } from './checkpoint-audit.ts'
import type { TrustedKey } from './key-set.ts'
import type { Findings } from './report.ts'
import type { Source } from './source.ts'
import type { SignedRoot } from './tree-audit.ts'

/** size u64 | root 32 | Ed25519 signature 64 */
export const CHECKPOINT_ROW_BYTES = 104
/** A file of rows is closed when it holds this many. */
const ROWS_MAX = 65_536
const ED25519 = 1

export interface StoredOptions {
  /** Reads below the epoch's `checkpoints`. */
  readonly source: Source
  /** Sizes of the whole notes that are kept by now, rising: after the checkpoint was read. */
  readonly listNotes: () => Promise<readonly number[]>
  readonly published: Checkpoint
  readonly keys: readonly TrustedKey[]
  readonly to: Findings
  /** Reads the size in `log/checkpoint` once more: a gateway may have published meanwhile. */
  readonly publishedNow: () => Promise<number>
}

/**
 * Every checkpoint that the ledger ever published, oldest first, as far as its signature is good.
 *
 * The gateway keeps a note, then a row, and only then shows the checkpoint. So the one that is
 * shown has both; a row or note beyond it is the mark of a crash or of a gateway at work, and more
 * than one of them of a checkpoint that was put back.
 */
export async function* storedRows(options: StoredOptions): AsyncGenerator<SignedRoot> {
  const { published, to } = options
  const beyond: SignedRoot[] = []
  const notes = new NotedSizes(await options.listNotes(), to)
  let shown = false
  for await (const row of readRows(options)) {
    notes.row(row.size)
    if (row.size <= published.size) yield row
    else beyond.push(row)
    shown ||= row.size === published.size
  }
  if (!shown) {
    const file = chunkName(0)
    to.add('checkpoint', `has no row for checkpoint ${published.size}, which is shown`, { file })
  }
  const [, second] = beyond
  if (second === undefined || (await options.publishedNow()) >= second.size) return
  const why = `says that checkpoint ${second.size} was published; ${published.size} is shown`
  to.add('rollback', why, { file: second.file })
}

/** A note comes before its row, and a start writes what a crash left out: each has a row. */
class NotedSizes {
  readonly #sizes: readonly number[]
  readonly #to: Findings
  #next = 0

  constructor(sizes: readonly number[], to: Findings) {
    this.#sizes = sizes
    this.#to = to
  }

  /** The next row: what is noted below its size should have had one. */
  row(size: number): void {
    for (
      let noted = this.#sizes[this.#next];
      noted !== undefined;
      noted = this.#sizes[this.#next]
    ) {
      if (noted > size) return
      if (noted < size) this.#to.add('checkpoint', 'has no row', { file: `notes/${noted}` })
      this.#next += 1
    }
  }
}

/** The whole notes, with the signatures of all keys. */
export async function* storedNotes(options: StoredOptions): AsyncGenerator<SignedRoot> {
  const { source, published, keys, to } = options
  const notes = await options.listNotes()
  if (!notes.some((size) => size >= published.size)) {
    const file = `notes/${published.size}`
    to.add('checkpoint', 'is missing, though its checkpoint is the one shown', { file })
  }
  for (const size of notes) {
    const file = `notes/${size}`
    const read = await source.read(file, NOTE_BYTES_MAX)
    if (read.kind === 'missing') continue // Dropped since: only the newest and hourly ones stay.
    if (read.kind === 'wrong') to.add('checkpoint', read.why, { file })
    if (read.kind !== 'bytes') continue
    const checkpoint = auditCheckpoint({ bytes: read.bytes, file }, { keys, isWhole: true }, to)
    if (checkpoint === undefined) continue
    if (checkpoint.size !== size) to.add('checkpoint', `is for size ${checkpoint.size}`, { file })
    else if (size <= published.size) yield { size, root: checkpoint.root, file }
  }
}

async function* readRows(options: StoredOptions): AsyncGenerator<SignedRoot> {
  const { source, published, to } = options
  let last = -1
  for (let chunk = 0, rows = ROWS_MAX; ; chunk += 1) {
    const file = chunkName(chunk)
    const read = await source.read(file, CHECKPOINT_ROW_BYTES * ROWS_MAX)
    if (read.kind === 'wrong') to.add('checkpoint', read.why, { file })
    if (read.kind !== 'bytes') return
    if (rows < ROWS_MAX) to.add('file', 'follows a file of rows that is not full', { file })
    rows = Math.ceil(read.bytes.length / CHECKPOINT_ROW_BYTES)
    for (let at = 0; at < rows; at += 1) {
      const row = parseRow(
        read.bytes.subarray(at * CHECKPOINT_ROW_BYTES, (at + 1) * CHECKPOINT_ROW_BYTES),
        file,
      )
      const good = row !== undefined && isSigned(row, options)
      if (!good && at === rows - 1 && last >= published.size) return // Torn by a crash.
      if (!good) to.add('signature', `has a row, number ${at}, that no key signed`, { file })
      if (!good) continue
      if (row.size <= last) to.add('checkpoint', `goes back to size ${row.size}`, { file })
      if (last === -1 && row.size > 0) to.add('checkpoint', 'does not begin at size 0', { file })
      last = Math.max(last, row.size)
      yield row
    }
  }
}

interface Row extends SignedRoot {
  readonly signature: Uint8Array
}

function parseRow(bytes: Uint8Array, file: string): Row | undefined {
  if (bytes.length < CHECKPOINT_ROW_BYTES) return undefined
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0))
  if (!Number.isSafeInteger(size)) return undefined
  return { size, root: bytes.subarray(8, 40), signature: bytes.subarray(40), file }
}

function isSigned({ size, root, signature }: Row, { keys, published }: StoredOptions): boolean {
  const text = encodeText(`${published.origin}\n${size}\n${encodeBase64(root)}\n`)
  return keys.some(({ verifier }) => verifier.type === ED25519 && verifier.verify(text, signature))
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function chunkName(number: number): string {
  return String(number).padStart(8, '0')
}

/** Several lists as one, by size. */
export async function* merge(
  ...lists: readonly AsyncIterable<SignedRoot>[]
): AsyncGenerator<SignedRoot> {
  const heads = await Promise.all(
    lists.map(async (list) => {
      const iterator = list[Symbol.asyncIterator]()
      return { iterator, next: await iterator.next() }
    }),
  )
  for (;;) {
    const waiting = heads.filter(({ next }) => next.done !== true)
    const [first] = waiting.sort((one, other) => sizeOf(one.next) - sizeOf(other.next))
    if (first === undefined || first.next.done === true) return
    yield first.next.value
    first.next = await first.iterator.next()
  }
}

function sizeOf(next: IteratorResult<SignedRoot>): number {
  return next.done === true ? Number.POSITIVE_INFINITY : next.value.size
}

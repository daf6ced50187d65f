import { LedgerError, openWal, type PlacedFrame } from '../ledger/index.ts'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import type { Sealer } from '../vault/index.ts'
import { bringsKeys, decodePayload, type KeyRing } from '../vault/index.ts'
import type { BundleEntries } from './bundle-entries.ts'
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
  static readonly none: WriteAhead = new WriteAhead([])
  /** In order, each after the one before it. */
  readonly #frames: readonly PlacedFrame[]
  /** Reading runs along the log: the frame asked for last. */
  #last: PlacedFrame | undefined

  private constructor(frames: readonly PlacedFrame[]) {
    this.#frames = frames
  }

  /** Reads all of it: two segments at most, but where a gateway is behind with packing. */
  static async read(options: {
    readonly disk: Disk
    readonly directory: string
    readonly sealer: Sealer
    readonly ring: KeyRing
    /** A checkpoint over this many entries was signed: they were written ahead before. */
    readonly size: number
    readonly to: Findings
  }): Promise<WriteAhead> {
    const { size, to } = options
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { frames, end } = await readAll(options)
        if (end < size) {
          to.add('file', `ends at entry ${end}, and checkpoint ${size} was signed`, { file: WAL })
        }
        return new WriteAhead(frames)
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
    const frame = this.#frameOf(index)
    return frame && placed(frame, frame.payloads, index)
  }

  leaf(index: number): Uint8Array | undefined {
    const frame = this.#frameOf(index)
    return frame && placed(frame, frame.leaves, index)
  }

  /** Whether it says of an entry what the bundle does, or does not speak of it. */
  agrees(index: number, entries: BundleEntries, nth: number): boolean {
    const frame = this.#frameOf(index)
    if (frame === undefined) return true
    const at = 2 * (index - frame.first)
    return entries.isAt(nth, frame.plain, frame.leaves[at] ?? 0, frame.leaves[at + 1] ?? 0)
  }

  #frameOf(index: number): PlacedFrame | undefined {
    const last = this.#last
    if (last !== undefined && isIn(last, index)) return last
    let [low, high] = [0, this.#frames.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const frame = this.#frames[middle]
      if (frame !== undefined && frame.first + frame.count <= index) low = middle + 1
      else high = middle
    }
    const found = this.#frames[low]
    if (found === undefined || !isIn(found, index)) return undefined
    this.#last = found
    return found
  }
}

function placed({ first, plain }: PlacedFrame, places: Int32Array, index: number): Uint8Array {
  const at = 2 * (index - first)
  return plain.subarray(places[at], places[at + 1])
}

function isIn({ first, count }: PlacedFrame, index: number): boolean {
  return first <= index && index < first + count
}

const WAL = 'state/wal'

/** The keys that payloads brought are learned here: a block may use one before its file has it. */
async function readAll(options: {
  readonly disk: Disk
  readonly directory: string
  readonly sealer: Sealer
  readonly ring: KeyRing
}): Promise<{ readonly frames: readonly PlacedFrame[]; readonly end: number }> {
  const frames: PlacedFrame[] = []
  const wal = await openWal(options)
  let end: number = wal.segments.at(-1) ?? 0
  for await (const frame of wal.frames()) {
    frames.push(frame)
    end = frame.first + frame.count
    learnKeys(frame, options.ring)
  }
  return { frames, end }
}

function learnKeys({ count, plain, payloads }: PlacedFrame, ring: KeyRing): void {
  for (let nth = 0; nth < count; nth += 1) {
    const payload = plain.subarray(payloads[2 * nth], payloads[2 * nth + 1])
    if (!bringsKeys(payload)) continue
    for (const row of decodePayload(payload)?.rows ?? []) ring.learn(row)
  }
}

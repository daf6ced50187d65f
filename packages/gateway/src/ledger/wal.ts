import type { LeafIndex, TreeSize } from '@countersign/tlog'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import { type EntryPlaces, placeEntries, type StoredEntry } from './entry.ts'
import { LedgerError } from './error.ts'
import { parseSegmentName, segmentName } from './layout.ts'
import type { Sealer } from './sealer.ts'
import { SegmentReader, type TornTail } from './segment-reader.ts'

/** What it takes to read the write-ahead log. */
export interface WalSource {
  readonly disk: Disk
  readonly directory: string
  readonly sealer: Sealer
}

/** The read side: what the segments that are still there hold. It changes nothing. */
export interface Wal {
  /** First indices of the segments, rising. */
  readonly segments: readonly LeafIndex[]
  /** One entry; undefined when no segment holds it (any more, or yet). */
  read(index: LeafIndex): Promise<StoredEntry | undefined>
  /** Every entry in order, up to the end or the torn tail. */
  entries(): AsyncGenerator<StoredEntry, TornTail | undefined, undefined>
  /** The same, many at once: for whoever wants no object for each. */
  frames(): AsyncGenerator<PlacedFrame, TornTail | undefined, undefined>
}

/** The entries of one frame: consecutive ones, where they stand in its bytes. */
export interface PlacedFrame extends EntryPlaces {
  readonly first: LeafIndex
  readonly count: number
  readonly plain: Uint8Array
}

/** Opens what is there now; a running ledger goes on writing and dropping segments. */
export async function openWal(source: WalSource): Promise<Wal> {
  const segments = await listSegments(source)
  return {
    segments,
    read: (index) => readEntry(source, segments, index),
    entries: () => readEntries(source, segments),
    frames: () => readFrames(source, segments),
  }
}

/** The first indices of all segments, rising; nothing where there is no directory yet. */
export async function listSegments(
  source: Pick<WalSource, 'disk' | 'directory'>,
): Promise<readonly LeafIndex[]> {
  try {
    const names = await source.disk.list(source.directory)
    return names.flatMap(({ name }) => parseSegmentName(name) ?? [])
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
    throw error
  }
}

/**
 * Opens segments one after the other. Throws LEDGER_DAMAGED where one does not begin where the one
 * before ends, or where one that has a successor has a torn tail: it was flushed before.
 */
export async function* readSegments(
  source: WalSource,
  segments: readonly LeafIndex[],
): AsyncGenerator<SegmentReader, void, undefined> {
  let end: TreeSize | undefined
  for (const first of segments) {
    if (end !== undefined && end !== Number(first)) {
      const path = `${source.directory}/${segmentName(first)}`
      throw new LedgerError('LEDGER_DAMAGED', `${path}: the segment before it ends at entry ${end}`)
    }
    const reader = await SegmentReader.open(source.disk, source.directory, first, source.sealer)
    yield reader
    if (first !== segments.at(-1)) end = wholeEnd(reader)
  }
}

/** One more than the last entry of a segment that cannot have a torn tail. */
function wholeEnd(reader: SegmentReader): TreeSize {
  const { end, torn } = reader.scan()
  if (torn === undefined) return end
  const why = `frame at byte ${torn.offset}, entry ${end} onward, is damaged`
  throw new LedgerError('LEDGER_DAMAGED', `${torn.file}: ${why}: a later segment follows`)
}

async function* readEntries(
  source: WalSource,
  segments: readonly LeafIndex[],
): AsyncGenerator<StoredEntry, TornTail | undefined, undefined> {
  let torn: TornTail | undefined
  for await (const reader of readSegments(source, segments)) torn = yield* reader.entries()
  return torn
}

async function* readFrames(
  source: WalSource,
  segments: readonly LeafIndex[],
): AsyncGenerator<PlacedFrame, TornTail | undefined, undefined> {
  let torn: TornTail | undefined
  for await (const reader of readSegments(source, segments)) {
    const frames = reader.frames()
    let next = frames.next()
    for (; next.done !== true; next = frames.next()) {
      const { first, count, plain } = next.value
      yield { first, count, plain, ...placeEntries(first, count, plain) }
    }
    torn = next.value
  }
  return torn
}

async function readEntry(
  source: WalSource,
  segments: readonly LeafIndex[],
  index: LeafIndex,
): Promise<StoredEntry | undefined> {
  const first = segments.findLast((each) => each <= index)
  if (first === undefined) return undefined
  const reader = await SegmentReader.open(source.disk, source.directory, first, source.sealer)
  return reader.read(index)
}

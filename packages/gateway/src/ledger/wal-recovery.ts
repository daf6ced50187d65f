import { equalHashes, type LeafIndex, type TreeSize } from '@countersign/tlog'
import { type Disk, diskErrorCode, TEMPORARY_SUFFIX } from '../platform/index.ts'
import { decodeEntries } from './entry.ts'
import { LedgerError } from './error.ts'
import { OpenIntents } from './open-intents.ts'
import type { Span } from './packer.ts'
import type { OpenIntent, SegmentHeader } from './segment-header.ts'
import type { SegmentReader, TornTail } from './segment-reader.ts'
import { SegmentWriter } from './segment-writer.ts'
import { listSegments, readSegments, type WalSource } from './wal.ts'

/** What the write-ahead log must agree with. */
export interface WalExpectation {
  /** Entries below it were published: the log must reach it, and may be torn only beyond it. */
  readonly lockSize: TreeSize
  /** Of the instance that recovers; no segment may be of it or of a later one. */
  readonly incarnation: number
  readonly epoch: number
  readonly originHash: Uint8Array
  readonly preallocateBytes: number
}

/** What was cut from the end: nothing of it was ever acknowledged. */
export interface Cut extends TornTail {
  /** The index that the torn batch would have begun with. */
  readonly entry: TreeSize
}

export interface RecoveredWal {
  /** The segments kept, all closed, in order. */
  readonly segments: readonly Span[]
  readonly end: TreeSize
  readonly intents: readonly OpenIntent[]
  readonly cut: Cut | undefined
  /** How many segments were copied. */
  readonly copied: number
}

/**
 * Reads all segments, and makes sure that all of them are on the disk. What reads back beyond the
 * lock's size may be in memory only, after a flush that failed: every segment that reaches beyond
 * it is copied into a new file, sealed anew and flushed, before any of it is integrated. A crash
 * here leaves old segments, copies or temporary files; doing it again leads to the same entries.
 */
export async function recoverWal(
  source: WalSource,
  expected: WalExpectation,
): Promise<RecoveredWal> {
  await removeTemporaries(source.disk, source.directory)
  const segments: Span[] = []
  const state: Progress = { end: undefined, cut: undefined, copied: 0, intents: undefined }
  for await (const reader of readSegments(source, await listSegments(source))) {
    assertHeader(reader, expected)
    const { end, torn } = reader.scan()
    if (torn !== undefined) state.cut = cutOf(torn, end, expected.lockSize)
    followIntents(reader, state)
    if (end > reader.header.first) segments.push({ first: reader.header.first, end })
    if (end > expected.lockSize || torn !== undefined) {
      await copySegment(source, reader, expected)
      state.copied += 1
    }
    state.end = end
  }
  const end = assertReach(source, segments[0]?.first, state.end, expected.lockSize)
  return {
    segments,
    end,
    intents: state.intents?.list() ?? [],
    cut: state.cut,
    copied: state.copied,
  }
}

interface Progress {
  end: TreeSize | undefined
  cut: Cut | undefined
  copied: number
  intents: OpenIntents | undefined
}

async function removeTemporaries(disk: Disk, directory: string): Promise<void> {
  try {
    for (const { name } of await disk.list(directory)) {
      if (name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(`${directory}/${name}`)
    }
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
  }
}

function assertHeader({ header, path }: SegmentReader, expected: WalExpectation): void {
  if (!equalHashes(header.originHash, expected.originHash) || header.epoch !== expected.epoch) {
    throw new LedgerError('LEDGER_FORKED', `${path}: segment belongs to another log`)
  }
  if (header.incarnation < expected.incarnation) return
  const known = `the lock knows of ${expected.incarnation - 1} incarnations`
  const message = `${path}: written by incarnation ${header.incarnation}, ${known}`
  throw new LedgerError('LEDGER_ROLLED_BACK', message)
}

function cutOf(torn: TornTail, entry: TreeSize, lockSize: TreeSize): Cut {
  if (entry >= lockSize) return { ...torn, entry }
  const what = `frame at byte ${torn.offset}, entry ${entry} onward, is damaged`
  throw new LedgerError('LEDGER_DAMAGED', `${torn.file}: ${what}: ${lockSize} were published`)
}

/** The header of the oldest segment says what was open; from there the entries themselves tell. */
function followIntents(reader: SegmentReader, state: Progress): void {
  state.intents ??= new OpenIntents(reader.header.intents)
  assertSameIntents(reader.path, reader.header, state.intents.list())
  for (const { first, count, plain } of reader.frames()) {
    for (const entry of decodeEntries(first, count, plain)) state.intents.apply(entry.index, entry)
  }
}

function assertSameIntents(
  path: string,
  { intents }: SegmentHeader,
  followed: readonly OpenIntent[],
): void {
  const isSame = ({ index }: OpenIntent, at: number): boolean => intents[at]?.index === index
  if (intents.length === followed.length && followed.every(isSame)) return
  const message = `${path}: ${intents.length} intents are open here, not ${followed.length}`
  throw new LedgerError('LEDGER_DAMAGED', message)
}

async function copySegment(
  { disk, directory, sealer }: WalSource,
  reader: SegmentReader,
  { incarnation, preallocateBytes: stepBytes }: WalExpectation,
): Promise<void> {
  const header = { ...reader.header, incarnation }
  const copy = await SegmentWriter.create({ disk, directory, sealer, header, stepBytes })
  try {
    for (const { count, plain } of reader.frames()) {
      await copy.grow(plain.length)
      await copy.append(count, plain)
    }
    await copy.publish()
  } finally {
    await copy.close()
  }
}

function assertReach(
  source: WalSource,
  first: LeafIndex | undefined,
  end: TreeSize | undefined,
  lockSize: TreeSize,
): TreeSize {
  if (end === undefined && lockSize === 0) return lockSize
  if (end === undefined || end < lockSize || (first ?? end) > lockSize) {
    const found = end === undefined ? 'holds nothing' : `holds entries ${first ?? end} to ${end}`
    const message = `${source.directory}: ${found}, but ${lockSize} were published`
    throw new LedgerError('LEDGER_DAMAGED', message)
  }
  return end
}

import { equalHashes } from '@countersign/tlog'
import { LedgerError, type LockRecord, parseLockRecord } from '../ledger/index.ts'
import { DiskError, type Lock } from '../platform/index.ts'
import { auditCheckpoint } from './checkpoint-audit.ts'
import type { SignedLog } from './log-audit.ts'
import type { Findings } from './report.ts'

/** The lock stands for itself: it may lie anywhere. */
const LOCK = 'lock'

/** The part of a lock that an audit uses: it moves nothing. */
export type ReadableLock = Pick<Lock, 'read'>

/**
 * The size that the lock says was signed last, which is in it before anybody sees the checkpoint;
 * that which is shown where the lock tells nothing. Read after the checkpoint, it is never behind.
 */
export async function signedLast(
  lock: ReadableLock | undefined,
  epoch: number,
  { checkpoint, keys, listed }: SignedLog,
  to: Findings,
): Promise<number> {
  const { size, root, origin } = checkpoint
  const record = await readRecord(lock, to)
  if (record === undefined) return size
  if (record.origin !== origin || record.epoch !== epoch) {
    to.skip('file', `${LOCK} is of ${record.origin}, epoch ${record.epoch}: it tells nothing here`)
    return size
  }
  const note = { bytes: new TextEncoder().encode(record.note), file: LOCK }
  const signed = auditCheckpoint(note, { keys, isWhole: listed.length > 0 }, to)
  if (signed === undefined) return size
  if (signed.size < size) {
    to.add('rollback', `covers ${signed.size} entries, and checkpoint ${size} is shown`, FILE)
  }
  if (signed.size === size && !equalHashes(signed.root, root)) {
    to.add('fork', `has another checkpoint ${size} than the one shown`, FILE)
  }
  return Math.max(size, signed.size)
}

const FILE = { file: LOCK }

async function readRecord(
  lock: ReadableLock | undefined,
  to: Findings,
): Promise<LockRecord | undefined> {
  try {
    const locked = await lock?.read()
    return locked && parseLockRecord(locked.value)
  } catch (cause) {
    if (cause instanceof LedgerError) to.add('file', 'holds what no ledger writes', FILE)
    // A crash leaves a journal that only a writer may take back, and an audit writes nothing.
    else if (cause instanceof DiskError) to.skip('file', `was not read: ${cause.message}`, FILE)
    else throw cause
    return undefined
  }
}

/**
 * A crash may leave the lock ahead of what is shown, by one checkpoint whose entries are all in the
 * write-ahead log; where they are not is found there. A gateway at work has caught up by now.
 */
export function auditLead(signed: number, shownNow: number, to: Findings): void {
  if (shownNow >= signed) return
  const why = `covers ${signed} entries and ${shownNow} are shown: the next start shows the rest`
  to.skip('checkpoint', why, FILE)
}

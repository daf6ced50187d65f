import {
  type Checkpoint,
  emptyRoot,
  equalHashes,
  type KeyVerifier,
  noteVerifier,
  openCheckpoint,
  parseVerifierKey,
  type Sha256,
  SIGNATURE_TYPES,
  type SignatureAlgorithms,
  type TreeSize,
} from '@countersign/tlog'
import { type Disk, diskErrorCode, type Lock, writeFileDurably } from '../platform/index.ts'
import type { CheckpointSigner } from './checkpoint-signer.ts'
import { LedgerError } from './error.ts'
import { type Layout, VKEYS_NAME } from './layout.ts'
import { HeldLock, type LockRecord, parseLockRecord } from './lock-record.ts'
import { edgeRoot, LogReader, readEdge } from './log-reader.ts'
import { assertNote } from './publisher.ts'
import { listSegments } from './wal.ts'

export interface StartUp {
  readonly disk: Disk
  readonly lock: Lock
  readonly layout: Layout
  readonly epoch: number
  readonly sha256: Sha256
  readonly signer: CheckpointSigner
  readonly verifiers: readonly KeyVerifier[]
}

/** What was found in the lock, or what it will hold first. */
export interface FoundLock {
  readonly version: number
  readonly record: LockRecord
}

const CHOICES =
  'choices: bring back the data directory and the lock that belong together, or retire this ' +
  'origin and begin a new epoch; never edit the lock'

/** Verifiers of the signer's own keys, the Ed25519 one first. */
export function verifiersOf(
  signer: CheckpointSigner,
  sha256: Sha256,
  algorithms: SignatureAlgorithms,
): readonly KeyVerifier[] {
  const keys = signer.vkeys.map((vkey) => parseVerifierKey(sha256, vkey))
  const verifiers = keys.map((key) => noteVerifier(key, algorithms))
  const ed25519 = verifiers.filter(({ type }) => type === SIGNATURE_TYPES.ed25519)
  if (ed25519.length === 1 && keys.every(({ name }) => name === signer.origin)) {
    return [...ed25519, ...verifiers.filter(({ type }) => type !== SIGNATURE_TYPES.ed25519)]
  }
  throw new LedgerError('LEDGER_KEYS', `signer of ${signer.origin} needs one Ed25519 key`)
}

/**
 * Finds the lock, or the right to begin: a lock may be missing only where there is no log. A crash
 * before the lock's first value leaves directories and keys, nothing that was ever shown.
 */
export async function findLock(start: StartUp): Promise<FoundLock> {
  const locked = await start.lock.read()
  if (locked === undefined) return firstLock(start)
  const record = parseLockRecord(locked.value)
  const { origin } = start.signer
  if (record.origin !== origin || record.epoch !== start.epoch) {
    const found = `${record.origin}, epoch ${record.epoch}`
    throw refusal('LEDGER_FORKED', `lock is of ${found}, not of ${origin}, epoch ${start.epoch}`)
  }
  await assertKeys(start)
  assertLockNote(start, record)
  return { version: locked.version, record }
}

async function firstLock(start: StartUp): Promise<FoundLock> {
  await assertNothingThere(start)
  await start.disk.makeDirectory(start.layout.log)
  const vkeys = new TextEncoder().encode(start.signer.vkeys.map((vkey) => `${vkey}\n`).join(''))
  const options = { syncDirectory: true }
  await writeFileDurably(start.disk, `${start.layout.log}/${VKEYS_NAME}`, vkeys, options)
  const { origin } = start.signer
  const checkpoint: Checkpoint = { origin, size: 0 as TreeSize, root: emptyRoot(start.sha256) }
  const note = await start.signer.sign(checkpoint)
  assertNote(note, checkpoint, start.verifiers)
  return { version: 0, record: { ...checkpoint, epoch: start.epoch, note, incarnation: 0 } }
}

async function assertNothingThere({ disk, layout }: StartUp): Promise<void> {
  const reader = new LogReader(disk, layout.log)
  const segments = await listSegments({ disk, directory: layout.wal })
  const found =
    (await reader.readCheckpoint()) !== undefined ||
    (await disk.stat(`${layout.log}/tile`)) !== undefined ||
    (await disk.stat(layout.checkpoints)) !== undefined ||
    segments.length > 0
  if (found) throw refusal('LEDGER_ROLLED_BACK', `${layout.log}: there is a log, but no lock`)
}

async function assertKeys({ disk, layout, signer }: StartUp): Promise<void> {
  const vkeys = await new LogReader(disk, layout.log).readVkeys()
  if (vkeys === undefined) {
    const message = `${layout.log}/${VKEYS_NAME} is missing: the data is not what this lock guards`
    throw refusal('LEDGER_ROLLED_BACK', message)
  }
  if (vkeys.join('\n') === signer.vkeys.join('\n')) return
  throw refusal('LEDGER_KEYS', `${layout.log}/${VKEYS_NAME} does not hold the keys of the signer`)
}

function assertLockNote({ verifiers }: StartUp, record: LockRecord): void {
  try {
    assertNote(record.note, record, verifiers)
  } catch (cause) {
    const message = 'lock: its checkpoint is not signed by the keys of the log'
    throw new LedgerError('LEDGER_DAMAGED', message, { cause })
  }
}

/**
 * Nothing may have been published ahead of the lock, nor another history behind it. That the local
 * tree has the lock's root is checked by the integration, which begins there.
 */
export async function assertPublished(start: StartUp, record: LockRecord): Promise<void> {
  const reader = new LogReader(start.disk, start.layout.log)
  const note = await reader.readCheckpoint()
  if (note === undefined) return // It is made seen again: the lock holds the whole note.
  const { size, root } = openPublished(start, note)
  if (size > record.size) {
    const message = `checkpoint ${size} was published, but the lock says ${record.size}`
    throw refusal('LEDGER_ROLLED_BACK', message)
  }
  const local = edgeRoot(start.sha256, await readEdge(reader, start.sha256, size))
  if (equalHashes(local, root)) return
  throw refusal('LEDGER_FORKED', `checkpoint ${size} was published with a root that is not here`)
}

function openPublished({ layout, verifiers }: StartUp, note: Uint8Array): Checkpoint {
  try {
    return openCheckpoint(note, { log: verifiers }).checkpoint
  } catch (cause) {
    const message = `${layout.log}/checkpoint is not signed by the keys of the log`
    throw new LedgerError('LEDGER_DAMAGED', message, { cause })
  }
}

/** Fences every instance before: from here on none of them can move the lock. */
export async function takeLock(lock: Lock, { version, record }: FoundLock): Promise<HeldLock> {
  return HeldLock.take(lock, version, { ...record, incarnation: record.incarnation + 1 })
}

/** A refusal to open ends with what a person may do. */
export function refusal(
  code: 'LEDGER_ROLLED_BACK' | 'LEDGER_FORKED' | 'LEDGER_KEYS',
  message: string,
): LedgerError {
  return new LedgerError(code, `${message}; ${CHOICES}`)
}

/** Adds the choices to a refusal that was found deeper down. */
export function withChoices(error: unknown): unknown {
  if (!(error instanceof LedgerError) || error.message.endsWith(CHOICES)) return error
  if (error.code !== 'LEDGER_ROLLED_BACK' && error.code !== 'LEDGER_FORKED') return error
  return refusal(error.code, error.message)
}

export function isOwned(error: unknown): boolean {
  return diskErrorCode(error) === 'DISK_OWNED'
}

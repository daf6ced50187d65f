import { NOTE_BYTES_MAX, parseCheckpoint, parseNote, TlogError } from '@countersign/tlog'
import { type Disk, diskErrorCode, nodeSha256 } from '../platform/index.ts'
import { chooseEpoch, type EpochChoice } from './epoch-choice.ts'
import { allowsInEpoch, listNotes } from './epoch-layout.ts'
import { FarthestFile } from './farthest-file.ts'
import { auditLead, type ReadableLock, signedLast } from './lock-audit.ts'
import {
  auditLog,
  auditRollback,
  type LogAuditOptions,
  openLog,
  type SignedLog,
  type TreeExtras,
} from './log-audit.ts'
import { allowsInLog, Widths, walk } from './log-layout.ts'
import { NarrowBlocks } from './narrow-blocks.ts'
import { openRecords } from './open-records.ts'
import { PersonsAudit } from './persons-audit.ts'
import { RecordsAudit } from './records-audit.ts'
import type { Report } from './report.ts'
import { directorySource, type Source } from './source.ts'
import { storedNotes, storedRows } from './stored-checkpoints.ts'
import { type Audited, type AuditOptions, recall, report, trustOf } from './verdict.ts'
import { VerifyError } from './verify-error.ts'

export interface DirectoryOptions extends AuditOptions {
  readonly disk: Disk
  /** A data directory, or a bare log directory. */
  readonly directory: string
  /** Absent: the newest. */
  readonly epoch?: number
  /** The key-encryption key as text, where it is not in the directory. */
  readonly kek?: string
  /** The lock that the gateway holds: it knows what was signed last. */
  readonly lock?: ReadableLock
}

/** Audits a data directory or a bare log directory, trusting nothing in it but what is signed. */
export function verifyDirectory(options: DirectoryOptions): Promise<Report> {
  return report({ ...options, place: 'directory' }, async (audited) => {
    const place = await locate(options, audited)
    audited.epoch = place?.epoch ?? null
    if (place === undefined) await auditBareLog(options, audited)
    else await auditEpoch(options, place, audited)
  })
}

/** Undefined where the directory is a log itself. */
async function locate(
  options: DirectoryOptions,
  { findings }: Audited,
): Promise<EpochChoice | undefined> {
  const { disk, directory, epoch } = options
  const found = await listed(disk, directory)
  const names = found.filter(({ kind }) => kind !== 'other').map(({ name }) => name)
  if (names.includes('checkpoint') || names.includes('tile')) {
    if (epoch === undefined) return undefined
    throw new VerifyError('VERIFY_USAGE', `${directory} is one log, it has no epoch ${epoch}`)
  }
  return chooseEpoch(options, found, findings)
}

async function listed(disk: Disk, directory: string): ReturnType<Disk['list']> {
  try {
    return await disk.list(directory)
  } catch (cause) {
    const missing = diskErrorCode(cause) === 'DISK_NOT_FOUND'
    const why = missing ? 'there is no directory' : 'cannot list'
    const code = missing ? 'VERIFY_NOTHING_THERE' : 'VERIFY_UNREADABLE'
    throw new VerifyError(code, `${why} ${directory}`, { cause })
  }
}

async function auditBareLog(options: DirectoryOptions, audited: Audited): Promise<void> {
  const { disk, directory } = options
  const to = audited.findings
  const widths = new Widths()
  const visit = (file: string): void => widths.add(file)
  await walk({ disk, directory, allows: allowsInLog, to, visit })
  const log = logOptions(options, directorySource(disk, directory), audited)
  const signed = await openSigned(log, options, audited)
  if (signed !== undefined) await auditTree(signed, log, audited, { widths })
}

async function auditEpoch(
  options: DirectoryOptions,
  place: EpochChoice,
  audited: Audited,
): Promise<void> {
  const { disk } = options
  const { epoch } = place
  const directory = `${options.directory}/${epoch}`
  const inEpoch = { ...audited, findings: audited.findings.below(`${epoch}`) }
  const to = inEpoch.findings
  const widths = new Widths()
  const farthest = new FarthestFile()
  const narrow = new NarrowBlocks()
  const persons = new PersonsAudit()
  const visit = (file: string): void => {
    farthest.add(file)
    narrow.add(file)
    persons.found(file)
    if (file.startsWith('log/')) widths.add(file.slice('log/'.length))
  }
  await walk({ disk, directory, allows: allowsInEpoch, to, visit })
  const inLog = { ...audited, findings: to.below('log') }
  const source = directorySource(disk, `${directory}/log`)
  const log = { ...logOptions(options, source, inLog), keyListRequired: true }
  const signed = await openSigned(log, options, audited)
  if (signed === undefined) return
  farthest.audit(signed.checkpoint.size, to)
  await narrow.audit(disk, directory, to)
  const stored = {
    source: directorySource(disk, `${directory}/checkpoints`),
    listNotes: () => listNotes(disk, directory),
    published: signed.checkpoint,
    keys: signed.keys,
    to: to.below('checkpoints'),
    publishedNow: () => shownSize(source),
  }
  const extras = { widths, stored: [storedRows(stored), storedNotes(stored)] }
  const lock = place.isNewest ? options.lock : undefined
  const last = await signedLast(lock, epoch, signed, audited.findings)
  await auditEverything(signed, log, { options, place, audited, extras, last, persons })
  if (last > signed.checkpoint.size) auditLead(last, await shownSize(source), audited.findings)
}

/** The records are opened beside the log: each is read once, and in the order of the log. */
async function auditEverything(
  signed: SignedLog,
  log: LogAuditOptions,
  epochAudit: {
    readonly options: DirectoryOptions
    readonly place: EpochChoice
    readonly audited: Audited
    readonly extras: TreeExtras
    /** The size that was signed last. */
    readonly last: number
    readonly persons: PersonsAudit
  },
): Promise<void> {
  const { options, place, audited, extras, last, persons } = epochAudit
  const { epoch, isNewest } = place
  const { disk, directory, kek } = options
  const to = audited.findings
  const { origin } = signed.checkpoint
  const ledger = { disk, data: directory, epoch, isNewest, origin, size: last }
  const opened = await openRecords({ ...ledger, kek, to })
  if (opened === undefined) {
    to.skip('record', 'records were not opened: there is no key-encryption key here')
    await auditTree(signed, log, audited, extras)
    return
  }
  const source = directorySource(disk, `${directory}/${epoch}`)
  const below = to.below(`${epoch}`)
  const records = new RecordsAudit({
    ...opened,
    sha256: nodeSha256,
    source,
    epoch,
    signed,
    persons,
    to: below,
    toData: to,
  })
  const beside = { onBundle: records.onBundle, recorded: records.unlike }
  await auditTree(signed, log, audited, { ...extras, ...beside })
  const entries = to.bad.filter(({ kind }) => kind === 'entry')
  await records.finish(new Set(entries.flatMap(({ index }) => index ?? [])))
  await records.walkBodies(disk, directory, place.others.length === 0)
  audited.scope = { ...audited.scope, records: true, persons: true }
}

function logOptions(
  options: DirectoryOptions,
  source: Source,
  { findings }: Audited,
): LogAuditOptions {
  const { onProgress } = options
  const progress = onProgress === undefined ? {} : { onProgress }
  return { source, sha256: nodeSha256, ...trustOf(options), to: findings, ...progress }
}

async function openSigned(
  log: LogAuditOptions,
  { memory }: DirectoryOptions,
  audited: Audited,
): Promise<SignedLog | undefined> {
  const signed = await openLog(log)
  audited.signed = signed
  if (signed === undefined) return undefined
  if (signed.keys.length === 0) {
    log.to.lack('key', 'no key to trust: the log lists none and none was given')
    return undefined
  }
  audited.seen = await recall(memory, signed, log.to)
  auditRollback(signed.checkpoint.size, audited.seen, log.to)
  return signed
}

async function auditTree(
  signed: SignedLog,
  log: LogAuditOptions,
  audited: Audited,
  extras: TreeExtras,
): Promise<void> {
  const remembered = audited.seen === undefined ? {} : { remembered: audited.seen }
  await auditLog(signed, log, { ...extras, ...remembered })
  audited.scope = { ...audited.scope, log: true }
}

/** The size that the checkpoint shows by now; it is judged elsewhere. */
async function shownSize(source: Source): Promise<number> {
  const note = await source.read('checkpoint', NOTE_BYTES_MAX)
  try {
    return note.kind === 'bytes' ? parseCheckpoint(parseNote(note.bytes).text).size : 0
  } catch (error) {
    if (error instanceof TlogError) return 0
    throw error
  }
}

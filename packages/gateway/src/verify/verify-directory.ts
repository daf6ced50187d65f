import { type Disk, diskErrorCode, nodeSha256 } from '../platform/index.ts'
import { givenKeys } from './key-set.ts'
import { auditLog, auditRollback, type LogAuditOptions, openLog } from './log-audit.ts'
import { type Allows, allowsInLog, Widths, walk } from './log-layout.ts'
import type { Report } from './report.ts'
import { directorySource } from './source.ts'
import { type Audited, type AuditOptions, recall, report } from './verdict.ts'
import { VerifyError } from './verify-error.ts'

export interface DirectoryOptions extends AuditOptions {
  readonly disk: Disk
  /** A data directory, or a bare log directory. */
  readonly directory: string
  /** Absent: the newest. */
  readonly epoch?: number
  /** The key-encryption key, where it is not in the directory. */
  readonly kekFile?: string
}

/** Audits a data directory or a bare log directory, trusting nothing in it but what is signed. */
export function verifyDirectory(options: DirectoryOptions): Promise<Report> {
  return report({ ...options, place: 'directory' }, async (audited) => {
    const place = await locate(options)
    audited.epoch = place.epoch
    await auditDirectory(place, options, audited)
  })
}

/** Where the log lies below the directory that was named. */
interface Place {
  readonly epoch: number | null
  /** From the directory to the epoch, and from there to the log; empty for a bare log. */
  readonly epochFolder: string
  readonly logFolder: string
}

const EPOCH_NAME = /^[1-9][0-9]{0,8}$/

async function locate({ disk, directory, epoch }: DirectoryOptions): Promise<Place> {
  const names = (await listed(disk, directory)).map(({ name }) => name)
  if (names.includes('checkpoint') || names.includes('tile')) {
    if (epoch === undefined) return { epoch: null, epochFolder: '', logFolder: '' }
    throw new VerifyError('VERIFY_USAGE', `${directory} is one log, it has no epoch ${epoch}`)
  }
  const epochs = names.filter((name) => EPOCH_NAME.test(name)).map(Number)
  const chosen = epoch ?? Math.max(...epochs)
  if (!epochs.includes(chosen)) {
    const what = epoch === undefined ? 'ledger' : `epoch ${epoch}`
    throw new VerifyError('VERIFY_NOTHING_THERE', `there is no ${what} in ${directory}`)
  }
  return { epoch: chosen, epochFolder: `${chosen}`, logFolder: 'log' }
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

async function auditDirectory(
  place: Place,
  options: DirectoryOptions,
  audited: Audited,
): Promise<void> {
  const { disk, directory, memory, onProgress } = options
  const inEpoch = inside(audited.findings, place.epochFolder)
  const to = inside(inEpoch, place.logFolder)
  const log: LogAuditOptions = {
    source: directorySource(disk, path(directory, place.epochFolder, place.logFolder)),
    sha256: nodeSha256,
    given: givenKeys(nodeSha256, options.keys ?? []),
    to,
    ...(onProgress === undefined ? {} : { onProgress }),
  }
  const widths = new Widths()
  await walk({
    disk,
    directory: path(directory, place.epochFolder),
    allows: allowsIn(place),
    to: inEpoch,
    visit: (file) => widths.add(file.slice(place.logFolder === '' ? 0 : 'log/'.length)),
  })
  const signed = await openLog(log)
  if (
    place.epoch !== null &&
    (await disk.stat(path(directory, `${place.epoch}`, 'log/vkeys'))) === undefined
  ) {
    to.add('key', 'is missing', { file: 'vkeys' })
  }
  if (signed === undefined) return
  audited.signed = signed
  if (signed.keys.length === 0) return to.lack('key', 'holds no key and none was given')
  audited.seen = await recall(memory, signed)
  auditRollback(signed.checkpoint.size, audited.seen, to)
  const remembered = audited.seen === undefined ? {} : { remembered: audited.seen }
  await auditLog(signed, log, { widths, ...remembered })
  audited.scope = { ...audited.scope, log: true }
}

function allowsIn({ logFolder }: Place): Allows {
  if (logFolder === '') return allowsInLog
  return (file, kind) =>
    file.startsWith('log/') ? allowsInLog(file.slice('log/'.length), kind) : file === 'log'
}

function inside(findings: Audited['findings'], folder: string): Audited['findings'] {
  return folder === '' ? findings : findings.below(folder)
}

function path(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/')
}

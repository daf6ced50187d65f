import { type Ledger, parseLockRecord } from '../../packages/gateway/src/ledger/index.ts'
import {
  type Disk,
  diskErrorCode,
  isTemporaryName,
} from '../../packages/gateway/src/platform/index.ts'
import type { Auditor } from './auditor.ts'
import type { Hits } from './coverage.ts'
import { DATA } from './gateway.ts'
import type { Machine } from './machine.ts'

/** Counts what a start finds on the disk, before it begins. */
export async function countFound(machine: Machine, auditor: Auditor, hits: Hits): Promise<void> {
  const disk = machine.disk.observer()
  if ((await disk.stat(DATA)) === undefined) hits.add('found: nothing at all')
  const segments = await namesIn(disk, `${DATA}/state/wal`)
  if (segments.filter((name) => name.endsWith('.wal')).length > 1) {
    hits.add('found: several segments')
  }
  if (await hasTemporary(disk, DATA)) hits.add('found: temporary file')
  if ((await namesIn(disk, `${DATA}/bodies/incoming`)).length > 0) {
    hits.add('found: body that waits')
  }
  const { locked } = machine.cell
  if (locked === undefined) return
  const { size } = parseLockRecord(locked.value)
  const shown = await auditor.checkpoint(disk)
  if ((shown?.size ?? -1) < size) hits.add('found: checkpoint behind the lock')
}

/** Counts what recovery says it found. */
export function countRecovery({ recovery }: Ledger, hits: Hits): void {
  const { cut, interrupted, lockSize, size } = recovery
  if (cut !== undefined) hits.add('found: torn tail')
  if (interrupted.length > 0) hits.add('found: open intents')
  if (size > lockSize) hits.add('found: entries above the lock')
}

async function hasTemporary(disk: Disk, directory: string): Promise<boolean> {
  if ((await disk.stat(directory)) === undefined) return false
  for (const { name, kind } of await disk.list(directory)) {
    if (isTemporaryName(name)) return true
    if (kind === 'directory' && (await hasTemporary(disk, `${directory}/${name}`))) return true
  }
  return false
}

async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
  try {
    return (await disk.list(directory)).map(({ name }) => name)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
    throw error
  }
}

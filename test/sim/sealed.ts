import { encodeLeaf } from '@countersign/evidence'
import { type Disk, nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import type { OpenedRecord } from '../../packages/gateway/src/vault/index.ts'
import { openSealed } from './assembly.ts'
import type { AuditedLog } from './auditor.ts'
import type { Judge } from './judge.ts'
import { hexOf, Violation } from './model.ts'

const BLOCK_ENTRIES = 256

export interface Sealed {
  readonly disk: Disk
  readonly data: string
  readonly log: AuditedLog
  /** Is shown what it has not seen yet. */
  readonly judge: Judge
}

/**
 * Opens records with their keys, and computes their leaves again from what was sealed: every
 * record, or those from the block on that the judge has not seen to its end.
 */
export async function checkSealed(sealed: Sealed, which: 'all' | 'new'): Promise<void> {
  const { disk, data, log, judge } = sealed
  const reader = await openSealed(disk, data)
  const first = which === 'all' ? 0 : Math.floor(judge.judged / BLOCK_ENTRIES)
  for (let number = first; number * BLOCK_ENTRIES < log.size; number++) {
    const { records, faults } = await reader.block(number)
    for (const fault of faults) throw unreadable(`block ${number}`, fault)
    const found = new Map(records.map((record) => [record.index, record]))
    const end = Math.min(log.size, (number + 1) * BLOCK_ENTRIES)
    for (let index = number * BLOCK_ENTRIES; index < end; index++) {
      const record = checkRecord(found.get(index), index, log)
      if (index === judge.judged) judge.judge(record)
    }
  }
}

function checkRecord(
  record: OpenedRecord | undefined,
  index: number,
  log: AuditedLog,
): OpenedRecord {
  if (record === undefined) throw unreadable(`record ${index}`, 'it is nowhere')
  const closed = record.sections.find(({ fault }) => fault !== undefined)
  if (closed !== undefined) throw unreadable(`record ${index}`, closed.fault)
  const leaf = hexOf(encodeLeaf(nodeSha256, record.sections))
  if (leaf === hexOf(log.leaves[index] ?? new Uint8Array(0))) return record
  throw unreadable(`record ${index}`, 'its leaf is another one')
}

function unreadable(what: string, cause: unknown): Violation {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new Violation('what was sealed opens', `${what}: ${why}`, { cause })
}

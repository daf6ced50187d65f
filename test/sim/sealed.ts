import { encodeLeaf } from '@countersign/evidence'
import { type Disk, nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { openSealed } from './assembly.ts'
import type { AuditedLog } from './auditor.ts'
import { hexOf, Violation } from './model.ts'

const BLOCK_ENTRIES = 256

/** Opens every record with its keys, and computes its leaf again from what was sealed. */
export async function checkSealed(disk: Disk, data: string, log: AuditedLog): Promise<void> {
  const reader = await openSealed(disk, data)
  for (let number = 0; number * BLOCK_ENTRIES < log.size; number++) {
    const { records, faults } = await reader.block(number)
    for (const fault of faults) throw unreadable(`block ${number}`, fault)
    const found = new Map(records.map((record) => [record.index, record]))
    const end = Math.min(log.size, (number + 1) * BLOCK_ENTRIES)
    for (let index = number * BLOCK_ENTRIES; index < end; index++) {
      const record = found.get(index)
      if (record === undefined) throw unreadable(`record ${index}`, 'it is nowhere')
      const closed = record.sections.find(({ fault }) => fault !== undefined)
      if (closed !== undefined) throw unreadable(`record ${index}`, closed.fault)
      const leaf = hexOf(encodeLeaf(nodeSha256, record.sections))
      if (leaf === hexOf(log.leaves[index] ?? new Uint8Array(0))) continue
      throw unreadable(`record ${index}`, 'its leaf is another one')
    }
  }
}

function unreadable(what: string, cause: unknown): Violation {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new Violation('what was sealed opens', `${what}: ${why}`, { cause })
}

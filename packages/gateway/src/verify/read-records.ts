import type { SectionId, SectionName } from '@countersign/evidence'
import { type Json, type Kind, kindOfCode, parseJson, sectionName } from '@countersign/evidence'
import type { Disk } from '../platform/index.ts'
import type { BlockReader, OpenedRecord } from '../vault/index.ts'
import { openRecords } from './open-records.ts'
import { provenEntry } from './proven-entry.ts'
import { Findings, sentence } from './report.ts'
import { VerifyError } from './verify-error.ts'

const BLOCK_ENTRIES = 256

export interface ReadRecordsOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly data: string
  readonly epoch: number
  /** False for an epoch that another one follows. */
  readonly isNewest?: boolean
  /** The key-encryption key as text, where it is not in the directory. */
  readonly kek?: string
  /** Only these; without it: all. */
  readonly kinds?: ReadonlySet<Kind>
  readonly from?: number
  /** The first one that is not read any more. */
  readonly to?: number
}

/** One record as the keys at hand open it. */
export interface ReadRecord {
  readonly index: number
  readonly kind: Kind
  /** Closed sections are left out. */
  readonly sections: { readonly [name in SectionName]?: Json }
}

/**
 * Reads the records of an epoch in order, those that no checkpoint covers yet included. It opens,
 * it does not prove: `shownRecord` holds one of them against the log.
 */
export async function* readRecords(options: ReadRecordsOptions): AsyncGenerator<ReadRecord> {
  const { from = 0, to = Number.POSITIVE_INFINITY, kinds } = options
  const { reader, size } = await openAll(options)
  for (let number = Math.floor(from / BLOCK_ENTRIES); number * BLOCK_ENTRIES < to; number += 1) {
    const { records, faults } = await reader.sealed(number)
    if (faults[0] !== undefined) {
      throw new VerifyError('VERIFY_TAMPERED', faults[0].message, { cause: faults[0] })
    }
    for (const sealed of records) {
      if (sealed.index < from || sealed.index >= to) continue
      const kind = kindOfCode(sealed.record.kind)
      if (kind === undefined || (kinds !== undefined && !kinds.has(kind))) continue
      yield readable(kind, await reader.open(sealed))
    }
    if (records.length === 0 && (number + 1) * BLOCK_ENTRIES >= size) return
  }
}

async function openAll(
  options: ReadRecordsOptions,
): Promise<{ readonly reader: BlockReader; readonly size: number }> {
  const { disk, data, epoch, isNewest = true, kek } = options
  const { origin, size } = (await provenEntry({ disk, data, epoch, index: 0 })).checkpoint
  const to = new Findings()
  const records = await openRecords({ disk, data, epoch, isNewest, origin, size, kek, to })
  if (to.bad[0] !== undefined) throw new VerifyError('VERIFY_TAMPERED', sentence(to.bad[0]))
  if (records !== undefined) return { reader: records.reader, size }
  throw new VerifyError('VERIFY_NO_KEY', 'there is no key-encryption key to open records with')
}

function readable(kind: Kind, { index, sections }: OpenedRecord): ReadRecord {
  const read: { [name in SectionName]?: Json } = {}
  for (const { id, open } of sections) {
    if (open !== undefined) read[sectionName(id as SectionId)] = parseJson(open.bytes)
  }
  return { index, kind, sections: read }
}

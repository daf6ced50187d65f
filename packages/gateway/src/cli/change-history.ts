import { type ChangeFacts, joinTexts, type TextPiece } from '@countersign/evidence'
import { type ReadRecord, readRecords } from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { kekText } from './kek-text.ts'
import { newestEpoch } from './newest-epoch.ts'
import { orTampered } from './tampered.ts'

/** A change of configuration or policies, or an attempt at one, as the ledger tells of it. */
export interface Change {
  /** Of the record; of the last, where there are several. */
  readonly index: number
  readonly kind: 'config' | 'policy'
  readonly at: string
  readonly act: ChangeFacts['act']
  readonly by: ChangeFacts['by'] | null
  readonly from: string | null
  /** The number of the principal who asked for it. */
  readonly who: string | null
  /** Digest of what was in force before, and of what was to be. */
  readonly before: string | null
  readonly sha256: string
  readonly problems: readonly string[]
  readonly files: readonly TextPiece[]
}

export interface HistoryOptions {
  readonly data: string
  readonly epoch?: number
  readonly kekFile?: string
}

/** Every change of an epoch, in order. What was in force is known by what was loaded before. */
export async function changeHistory(
  context: CliContext,
  options: HistoryOptions,
): Promise<readonly Change[]> {
  const { disk } = context
  const { data, kekFile } = options
  const newest = await newestEpoch(disk, data)
  const epoch = options.epoch ?? newest
  const kek = await kekText(context, kekFile)
  const reading = { disk, data, epoch, isNewest: epoch === newest, kinds: KINDS }
  return orTampered(collect(readRecords(kek === undefined ? reading : { ...reading, kek })))
}

const KINDS = new Set(['config', 'policy'] as const)

async function collect(records: AsyncIterable<ReadRecord>): Promise<readonly Change[]> {
  const changes: Change[] = []
  const begun = new Map<string, TextPiece[]>()
  const inForce = new Map<string, string>()
  for await (const { index, kind, sections } of records) {
    if (kind !== 'config' && kind !== 'policy') continue
    const facts = sections.what as unknown as ChangeFacts
    const { act, sha256, part = 1, parts = 1, by, from, problems = [], files = [] } = facts
    const before = facts.previous ?? inForce.get(kind) ?? null
    const pieces = [...(part === 1 ? [] : (begun.get(kind) ?? [])), ...files]
    begun.set(kind, pieces)
    if (part < parts) continue
    if (act === 'loaded') inForce.set(kind, sha256)
    changes.push({
      index,
      kind,
      at: (sections.when as unknown as { readonly at: string }).at,
      act,
      by: by ?? null,
      from: from ?? null,
      who: (sections.who as unknown as { readonly subject: string } | undefined)?.subject ?? null,
      before,
      sha256,
      problems,
      files: joinTexts(pieces),
    })
  }
  return changes
}

/** What was loaded last before the place `before`; the newest without it. */
export function loadedBefore(
  changes: readonly Change[],
  kind: Change['kind'],
  before: number = Number.POSITIVE_INFINITY,
): Change | undefined {
  return changes.findLast((each) => {
    return each.kind === kind && each.act === 'loaded' && each.index < before
  })
}

// What a ledger says when the gateway is gone: that it verifies, every record of it, and what must
// hold of them whatever happened to the gateway.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { parseReceipt } from '../../packages/evidence/src/index.ts'
import { LogReader } from '../../packages/gateway/src/ledger/index.ts'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import type { OpenedBlock, OpenedRecord } from '../../packages/gateway/src/vault/index.ts'
import { openRecords } from '../../packages/gateway/src/verify/open-records.ts'
import { Findings } from '../../packages/gateway/src/verify/report.ts'
import { run } from '../run-cli.ts'

/** One record as the checks of the fault tests need it. */
export interface FoundRecord {
  readonly index: number
  readonly kind: string
  readonly exchange: string | undefined
  readonly about: number | undefined
  readonly ended: string | undefined
  readonly incarnation: number
  readonly isRelaxed: boolean
  /** Of an act: what was done, and what it told. */
  readonly act: string | undefined
  readonly level: string | undefined
  readonly reason: string | undefined
  readonly count: number | undefined
  readonly unrecordedMax: number | undefined
}

/** Verifies a ledger, and opens every record of it with the keys in the directory. */
export async function wholeLedger(data: string): Promise<readonly FoundRecord[]> {
  const verified = await run(['verify', data, '--no-memory', '--json'])
  assert.equal(verified.exit, 0, verified.out + verified.err)
  const { size, origin } = JSON.parse(verified.out) as { size: number; origin: string }
  const to = new Findings()
  const disk = nodeDisk()
  const records = await openRecords({ disk, data, epoch: 1, origin, kek: undefined, to })
  assert.ok(records !== undefined, 'keys are in the directory')
  const found: FoundRecord[] = []
  for (let block = 0; block * 256 < size; block += 1) {
    const opened: OpenedBlock = await records.reader.block(block)
    assert.deepEqual(opened.faults, [])
    found.push(...opened.records.map(foundRecord))
  }
  assert.equal(found.length, size)
  return found
}

interface WhenFacts {
  readonly kind: string
  readonly incarnation: number
  readonly exchange?: string
  readonly about?: { readonly index: number }
  readonly recording?: 'relaxed'
}

function foundRecord({ index, sections }: OpenedRecord): FoundRecord {
  const read = (id: number): object => {
    const bytes = sections.find((section) => section.id === id)?.open?.bytes
    return bytes === undefined ? {} : (JSON.parse(Buffer.from(bytes).toString()) as object)
  }
  const { kind, incarnation, exchange, about, recording } = read(1) as WhenFacts
  const isRelaxed = recording === 'relaxed'
  const { ended } = read(8) as { readonly ended?: string }
  const { act, level, reason, count, unrecordedMax } = read(5) as Partial<FoundRecord>
  const found = { index, kind, exchange, about: about?.index, ended, incarnation, isRelaxed }
  return { ...found, act, level, reason, count, unrecordedMax }
}

/**
 * What reached the upstream has its intent, and every intent has exactly one end. How many intents
 * there are, and how many were interrupted.
 */
export function assertEnds(
  records: readonly FoundRecord[],
  reached: readonly string[] = [],
): { readonly intents: number; readonly interrupted: number } {
  const begun = records.filter(({ kind }) => kind === 'intent')
  const intents = new Set(begun.map(({ exchange }) => exchange))
  for (const id of reached) assert.ok(intents.has(id), `${id} reached the upstream, no intent`)
  const ends = records.filter(({ kind }) => kind === 'outcome')
  assert.equal(ends.length, intents.size, 'every intent has one end')
  assert.equal(new Set(ends.map(({ about }) => about)).size, ends.length)
  const interrupted = ends.filter(({ ended }) => ended === 'interrupted').length
  return { intents: intents.size, interrupted }
}

/** What callers were told: the leaf at each index. */
export class Receipts {
  readonly #leaves = new Map<number, string>()

  get count(): number {
    return this.#leaves.size
  }

  /** The header of an answer, where it has one. */
  note(header: string | null | undefined): void {
    if (header === null || header === undefined) return
    const { index, leaf } = parseReceipt(header)
    this.#leaves.set(index, Buffer.from(leaf).toString('hex'))
  }

  /** Every leaf stands in the log, which has so many, at the index that was told. */
  async assertIn(data: string, size: number): Promise<void> {
    const reader = new LogReader(nodeDisk(), join(data, '1/log'))
    const leaves: string[] = []
    for (let block = 0; block * 256 < size; block += 1) {
      const bundle = await reader.readBundle(block, Math.min(256, size - block * 256))
      for (const leaf of bundle ?? []) leaves.push(Buffer.from(leaf).toString('hex'))
    }
    assert.equal(leaves.length, size)
    for (const [index, leaf] of this.#leaves) assert.equal(leaves[index], leaf, `entry ${index}`)
  }
}

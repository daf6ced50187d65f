// What becomes of the records after they were acknowledged, in a loop of its own on this thread:
// one segment of the write-ahead log is integrated, packed, read again, and closed.
import { emptyRoot, type LeafIndex, type TreeSize } from '@countersign/tlog'
import { encodeEntry, entryBytes } from '../packages/gateway/src/ledger/entry.ts'
import { LocalIntegration, layoutOf } from '../packages/gateway/src/ledger/index.ts'
import { nodeDisk, nodeSha256, systemRandom } from '../packages/gateway/src/platform/index.ts'
import { composeRecord, type RecordDraft } from '../packages/gateway/src/recorder/composer.ts'
import { BlockPacker, KeyRing, parseKek } from '../packages/gateway/src/vault/index.ts'

const SEGMENT_ENTRIES = 65_536
const BATCH_ENTRIES = 512
/** As many as are behind when the ledger settles early. */
const SETTLE_ENTRIES = 16_384
const ENTRIES_AN_EXCHANGE = 2

/** Microseconds of this thread's CPU per exchange; the runtime's other threads come on top. */
export interface IntegrationParts {
  /** Leaves hashed into the tree and its bundles, persons' sections set aside. */
  readonly integrateUs: number
  /** Tiles and bundles written and read again; records cut into columns, read back, sealed. */
  readonly settleUs: number
  /** The segment's `persons/` file: one pack a person. */
  readonly personsUs: number
}

export interface IntegrationBench {
  readonly data: string
  readonly kek: string
  readonly origin: string
  readonly epoch: number
}

/** `draftAt` makes the draft of any entry; intents and outcomes take turns. */
export async function measureIntegration(
  { data, kek, origin, epoch }: IntegrationBench,
  draftAt: (index: number) => RecordDraft,
): Promise<IntegrationParts> {
  const disk = nodeDisk({ shortCalls: 'in place' })
  const ring = new KeyRing({ disk, directory: `${data}/keys`, kek: parseKek(kek), origin })
  const epochDirectory = `${data}/${epoch}`
  const packer = new BlockPacker({ disk, random: systemRandom(), ring, origin, epochDirectory })
  const directory = layoutOf(data, epoch).log
  const integration = new LocalIntegration({ disk, directory, sha256: nodeSha256, packer })
  await integration.resume(0 as TreeSize, emptyRoot(nodeSha256))
  const parts = { integrateUs: 0, settleUs: 0, personsUs: 0 }
  for (let first = 0; first < SEGMENT_ENTRIES; first += BATCH_ENTRIES) {
    const plain = batchAt(first, draftAt)
    const batch = { first: first as LeafIndex, count: BATCH_ENTRIES, plain }
    parts.integrateUs += await cpuUs(async () => integration.add(batch))
    const isDue = (first + BATCH_ENTRIES) % SETTLE_ENTRIES === 0
    if (isDue) parts.settleUs += await cpuUs(() => integration.settle())
  }
  const span = { first: 0 as LeafIndex, end: SEGMENT_ENTRIES as TreeSize }
  parts.personsUs = await cpuUs(() => integration.closeSegment(span))
  return parts
}

function batchAt(first: number, draftAt: (index: number) => RecordDraft): Uint8Array<ArrayBuffer> {
  const entries = Array.from({ length: BATCH_ENTRIES }, (_, nth) => {
    const { leaf, payload, newKeys } = composeRecord(draftAt(first + nth))
    for (const key of newKeys) key.markDurable()
    return { leaf: Uint8Array.from(leaf), payload: Uint8Array.from(payload) }
  })
  const plain = new Uint8Array(entries.reduce((sum, entry) => sum + entryBytes(entry), 0))
  const view = new DataView(plain.buffer)
  entries.reduce((at, entry) => encodeEntry(entry, plain, view, at), 0)
  return plain
}

async function cpuUs(work: () => Promise<unknown>): Promise<number> {
  const before = process.threadCpuUsage()
  await work()
  const { user, system } = process.threadCpuUsage(before)
  const us = ((user + system) * ENTRIES_AN_EXCHANGE) / SEGMENT_ENTRIES
  return Math.round(us * 100) / 100
}

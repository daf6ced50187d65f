// What the holder of the key-encryption key may write, who has no signing key: every pack and every
// write-ahead segment anew. Leaves still commit to what was recorded.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredEntry } from '../../packages/gateway/src/ledger/index.ts'
import type { PackedRecord } from '../../packages/gateway/src/vault/packed-record.ts'
import { verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { forgePersons, forgeRecords, forgeSegment } from './forger.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const ERASED = `02a0${'11'.repeat(14)}`
const ERASURE = '019f0000-0000-7000-8000-000000000001'
const RECORDS = `${DATA}/1/records/000.p/16`
const PERSONS = `${DATA}/1/persons/0000000000000000`
/** First entry of the segment that is written to; the 16 before it are packed. */
const UNPACKED = 16

const honest = await makeLedger()

async function makeLedger(): Promise<FileMap> {
  const ledger = new MadeLedger(1, { segmentEntriesMax: 8 })
  const recorder = await ledger.start()
  for (const from of [0, 2, 4]) {
    await someTraffic(recorder, from)
    await ledger.publish()
  }
  await recorder.act('erasure', { act: 'done', erasure: ERASURE, keys: [ERASED] })
  await ledger.publish()
  assert.deepEqual(ledger.faults, [])
  return ledger.files()
}

function records(change: (record: PackedRecord) => PackedRecord): Promise<FileMap> {
  return forgeRecords(honest, RECORDS, change)
}

/** The write-ahead log says that the first entry without a block is something else. */
function unpacked(change: (payload: Buffer) => void): Promise<FileMap> {
  return forgeSegment(honest, UNPACKED, (entry): StoredEntry => {
    const payload = Buffer.from(entry.payload)
    if (entry.index === UNPACKED) change(payload)
    return { ...entry, payload }
  })
}

/** Where the ledger key's id stands in a payload. */
const LEDGER_KEY_AT = 21

const LONG = Buffer.alloc(70_000, '"')

const CASES: readonly (readonly [string, Promise<FileMap>])[] = [
  ['another kind', records((it) => ({ ...it, kind: it.kind === 1 ? 3 : it.kind }))],
  ['no sections', records((it) => ({ ...it, sections: [] }))],
  ['sections in another order', records((it) => ({ ...it, sections: it.sections.toReversed() }))],
  [
    'a section that no record has',
    records((it) => ({ ...it, sections: [...it.sections, { id: 200, bytes: LONG.subarray(3) }] })),
  ],
  [
    'a section that is too long',
    records((it) => ({ ...it, sections: it.sections.map(({ id }) => ({ id, bytes: LONG })) })),
  ],
  [
    'every section closed under a key that was erased',
    records((it) => ({ ...it, sections: it.sections.map(closed) })),
  ],
  [
    'something else than records',
    records((it) => ({ ...it, kind: 0, sections: [], opaque: LONG.subarray(5) })),
  ],
  [
    'a person’s section that is too long',
    forgePersons(honest, PERSONS, (it) => ({ ...it, bytes: LONG })),
  ],
  [
    'a person’s section of another entry',
    forgePersons(honest, PERSONS, (it) => ({ ...it, offset: it.offset + 1 })),
  ],
  [
    'a record in the write-ahead log under a key that was erased',
    unpacked((payload) => payload.write(ERASED, LEDGER_KEY_AT, 'hex')),
  ],
  ['no record in the write-ahead log', unpacked((payload) => payload.fill(0))],
]

function closed({ id }: PackedRecord['sections'][number]): PackedRecord['sections'][number] {
  return { id, keyId: Buffer.from(ERASED, 'hex'), digest: new Uint8Array(32) }
}

for (const [name, files] of CASES) {
  test(`sealed anew: ${name}`, async () => {
    const report = await verifyDirectory({ disk: (await files).disk(), directory: DATA })
    assert.equal(report.exit, 1, JSON.stringify(report))
  })
}

test('sealed anew with the same content: nothing was changed', async () => {
  const same = await forgeSegment(await records((it) => it), UNPACKED, (entry) => entry)
  const report = await verifyDirectory({ disk: same.disk(), directory: DATA })
  assert.deepEqual(report.bad, [])
})

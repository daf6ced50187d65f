// The quick way through a ledger and the strict one, side by side: nearly everything is known in
// the quick way, and what it says is what the strict one says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeLeaf, formatUuid, parseSection, parseTime, parseWhen } from '@countersign/evidence'
import { SampleExchanges } from '../../bench/exchanges.sample.ts'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import type { BlockReader, OpenedRecord } from '../../packages/gateway/src/vault/index.ts'
import { openRecords } from '../../packages/gateway/src/verify/open-records.ts'
import { QuickRecords } from '../../packages/gateway/src/verify/quick-record.ts'
import { Findings } from '../../packages/gateway/src/verify/report.ts'
import { DATA, MADE_ORIGIN, MadeLedger } from '../tamper/made-ledger.ts'

const EXCHANGES = 300

async function packedLedger(): Promise<BlockReader> {
  const ledger = new MadeLedger(3)
  const recorder = await ledger.start()
  const samples = new SampleExchanges(3)
  recorder.windows.use({ recordsMax: 50, windowMs: 1_000 })
  for (let done = 0; done < EXCHANGES; done += 1) {
    const { via, how, ...asked } = samples.next()
    const isRelaxed = done % 2 === 0
    if (via === undefined) await recorder.refusal({ ...asked, how })
    else await recorder.outcome(await recorder.intent({ ...asked, isRelaxed }), { via, how })
  }
  await ledger.publish()
  await ledger.stop(recorder)
  // A start closes the segments before it: all of them are packed.
  await ledger.stop(await ledger.start())
  const files = await ledger.files()
  const place = { disk: files.disk(), data: DATA, epoch: 1, origin: MADE_ORIGIN, kek: undefined }
  const records = await openRecords({ ...place, to: new Findings() })
  assert.ok(records !== undefined)
  return records.reader
}

function said({ kind, sections, recordId }: OpenedRecord) {
  const bytes = (id: number): Uint8Array =>
    sections.find((section) => section.id === id)?.open?.bytes ?? new Uint8Array(0)
  const when = parseWhen(bytes(1))
  assert.equal(formatUuid(recordId), when.id)
  const how = kind === 1 ? undefined : parseSection(8, when.kind, bytes(8))
  return {
    kind: when.kind,
    exchange: when.exchange,
    atUs: parseTime(when.at),
    incarnation: when.incarnation,
    about: when.about,
    ended: how !== undefined && 'ended' in how ? how.ended : undefined,
    isRelaxed: when.recording === 'relaxed',
  }
}

test('the quick way knows every exchange, and says what the strict way says', async () => {
  const reader = await packedLedger()
  const quick = new QuickRecords()
  let known = 0
  for (const block of [0, 1]) {
    const { records, faults } = await reader.sealed(block)
    assert.deepEqual(faults, [])
    for (const record of records) {
      const opened = await reader.open(record)
      if (!quick.knows(record)) {
        assert.ok(opened.kind > 5, `record ${record.index} of kind ${opened.kind}`)
        continue
      }
      const hashed = reader.hashed(record)
      assert.deepEqual(hashed?.leaf, encodeLeaf(nodeSha256, opened.sections))
      const ledgerKeyId = record.ledgerKey.id
      const facts = hashed && quick.read(hashed, { index: record.index, ledgerKeyId })
      assert.ok(facts !== undefined, `record ${record.index}`)
      const exchange = formatUuid(Buffer.from(facts.exchange, 'latin1'))
      assert.deepEqual({ ...facts, exchange }, { index: record.index, ...said(opened) })
      known += 1
    }
  }
  assert.ok(known > 450, `${known}`)
})

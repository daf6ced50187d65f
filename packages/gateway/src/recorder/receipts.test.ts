import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDisclosure, parseJson, type SectionId, verifyDisclosure } from '@countersign/evidence'
import {
  hashLeaf,
  parseCheckpoint,
  parseNote,
  parseTlogProof,
  verifyInclusion,
} from '@countersign/tlog'
import { nodeSha256 } from '../platform/index.ts'
import { type ProvedRecord, ReceiptService } from './receipts.ts'
import type { Recorder } from './recorder.ts'
import { Machine, ORIGIN } from './testing.ts'

const ADA = {
  who: { principal: { id: 'ada', kind: 'user' } },
  where: { address: '192.0.2.7' },
  what: { method: 'GET', scheme: 'http', authority: 'localhost', path: '/orders/7' },
  why: { verdict: 'allow', reason: 'policy-permits' },
} as const
const DONE = { how: { ended: 'released', status: 200, source: 'upstream' } } as const

async function serve(machine: Machine, recorder: Recorder): Promise<ReceiptService> {
  const { keeper, vault } = machine
  assert.ok(keeper !== undefined && vault !== undefined)
  const reader = await machine.reader()
  const endOf = recorder.endOf.bind(recorder)
  const log = machine.log()
  const lateReceipt = recorder.lateReceipt.bind(recorder)
  const told = { endOf, lateReceipt }
  return new ReceiptService({ keeper, vault, log, reader, origin: ORIGIN, epoch: 1, ...told })
}

test('a relaxed exchange gets its receipt later, by its id and what its answer said', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  recorder.windows.use({ recordsMax: 10, windowMs: 500 })
  await recorder.outcome(await recorder.intent({ ...ADA, isRelaxed: true }), DONE)
  const intent = await recorder.intent({ ...ADA, isRelaxed: true })
  const outcome = await recorder.outcome(intent, DONE)
  assert.equal(outcome.isDurable, false)
  const { exchange, pendingField } = outcome
  const form = /^"recorder.example\/log"; request="([^"]+)"; open=:([^:]+):$/
  const [, request, base64 = ''] = form.exec(pendingField) ?? []
  assert.equal(request, exchange)
  const open = Buffer.from(base64, 'base64')
  const service = await serve(machine, recorder)
  const pending = { kind: 'pending', retryAfterSeconds: 1 }
  assert.deepEqual(await service.late(exchange, open), pending)
  await machine.clock.advance(20)
  assert.deepEqual(await service.late(exchange, open), pending, 'no checkpoint covers it yet')
  await machine.clock.advance(1_000)
  const receipt = outcome.receiptField
  assert.deepEqual(await service.late(exchange, open), { kind: 'receipt', receipt })
  assert.deepEqual(await service.late(exchange, undefined), { kind: 'refused' })
  assert.deepEqual(await service.late(exchange, Buffer.alloc(16)), { kind: 'refused' })
  assert.deepEqual(await service.late(recorder.newExchange(), open), { kind: 'refused' })
})

test('a receipt is pending until a checkpoint covers it, then it proves', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const intent = await recorder.intent(ADA)
  const { epoch, index, leaf } = await recorder.outcome(intent, DONE)
  const service = await serve(machine, recorder)
  assert.deepEqual(await service.answer({ epoch, index }), {
    kind: 'pending',
    retryAfterSeconds: 1,
  })
  await machine.clock.advance(1_000)
  const answer = await service.answer({ epoch, index })
  assert.ok(answer.kind === 'proof')
  verify(answer.proof, leaf)
})

for (const [end, about] of [
  ['outcome', 'intent'],
  ['intent', 'outcome'],
] as const) {
  test(`the receipt of an ${end} opens when, what and how of it and of its ${about}`, async () => {
    const machine = new Machine()
    const recorder = await machine.start()
    const intent = await recorder.intent({ ...ADA, personal: ['what', 'how'] })
    const outcome = await recorder.outcome(intent, DONE)
    const held = end === 'intent' ? intent : outcome
    await machine.clock.advance(1_000)
    const service = await serve(machine, recorder)
    const answer = await service.answer(held.receipt)
    assert.ok(answer.kind === 'opened')
    const leaves = end === 'intent' ? [intent, outcome] : [outcome, intent]
    const shown = answer.records.flatMap((record, at) => {
      const { index, leaf } = leaves[at] ?? held
      assert.equal(record.index, index)
      verify(record.proof, leaf)
      return [open(record, leaf)]
    })
    const [first, second] = end === 'intent' ? shown : shown.toReversed()
    assert.deepEqual([...(first?.keys() ?? [])], [1, 5])
    assert.deepEqual([...(second?.keys() ?? [])], [1, 8])
    assert.deepEqual(parseJson(first?.get(5) ?? new Uint8Array(0)), ADA.what)
    assert.deepEqual(parseJson(second?.get(8) ?? new Uint8Array(0)), DONE.how)
  })
}

test('only the holder of a receipt is shown what it opens', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const intent = await recorder.intent(ADA)
  const outcome = await recorder.outcome(intent, DONE)
  await machine.clock.advance(1_000)
  const service = await serve(machine, recorder)
  const { receipt } = outcome
  const forged = Uint8Array.from(receipt.open, (byte, at) => (at === 15 ? byte ^ 1 : byte))
  for (const open of [forged, receipt.open.slice(1), new Uint8Array(0), intent.receipt.open]) {
    assert.deepEqual(await service.answer({ ...receipt, open }), { kind: 'refused' })
  }
  assert.deepEqual(await service.answer({ epoch: 2, index: 0 }), { kind: 'missing' })
  assert.deepEqual(await service.answer({ epoch: 1, index: 999 }), { kind: 'missing' })
})

test('an act is proved to anybody and opened to nobody', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const { index } = await recorder.act('config', { act: 'loaded', sha256: '0'.repeat(64) })
  await machine.clock.advance(1_000)
  const service = await serve(machine, recorder)
  assert.equal((await service.answer({ epoch: 1, index })).kind, 'proof')
})

function verify(text: string, leaf: Uint8Array): void {
  const { index, hashes, checkpoint } = parseTlogProof(text)
  const { size, root } = parseCheckpoint(parseNote(checkpoint).text)
  const leafHash = hashLeaf(nodeSha256, leaf)
  verifyInclusion(nodeSha256, { index, size, leafHash, proof: hashes, root })
}

/** As a caller would: from the answer's JSON, with nothing but the leaf of the receipt. */
function open(record: ProvedRecord, leaf: Uint8Array): ReadonlyMap<SectionId, Uint8Array> {
  const json = parseJson(new TextEncoder().encode(JSON.stringify(record.disclosure)))
  return verifyDisclosure(nodeSha256, parseDisclosure(json), leaf)
}

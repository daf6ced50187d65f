import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { settled } from '../platform/index.ts'
import { BATCH_BYTES_MAX, BATCH_ENTRIES_MAX } from './batch.ts'
import { decodeEntries, type Entry, LEAF_BYTES_MAX, PAYLOAD_BYTES_MAX } from './entry.ts'
import { Intake, QUEUE_BYTES_MAX, QUEUE_ENTRIES_MAX } from './intake.ts'
import { OPEN_INTENTS_MAX, OpenIntents } from './open-intents.ts'
import { appendAll, entry, hasCode, Machine, NOBODY, text } from './testing.ts'

test('what is encoded reads back as it was, whatever an entry has', () => {
  const entries: readonly Entry[] = [
    { leaf: text('a'), payload: text('') },
    { leaf: new Uint8Array(LEAF_BYTES_MAX).fill(1), payload: new Uint8Array(PAYLOAD_BYTES_MAX) },
    { leaf: text('b'), payload: text('x'), opens: new Uint8Array(16).fill(9) },
    { leaf: text('c'), payload: text('y'), closes: 2 as LeafIndex },
    { leaf: text('d'), payload: text(''), opens: new Uint8Array(16), closes: 5 as LeafIndex },
  ]
  const intents = new OpenIntents([2, 5].map((n) => ({ index: n as LeafIndex, tag: text('') })))
  const intake = new Intake(intents)
  for (const each of entries) intake.add(each, NOBODY)
  const batch = intake.take()
  const read = decodeEntries(70 as LeafIndex, 5, batch?.plain() ?? text(''))
  assert.deepEqual(
    read.map(({ index, leaf, payload, opens, closes }) => ({
      index,
      leaf,
      payload,
      opens,
      closes,
    })),
    entries.map((each, at) => ({ index: 70 + at, opens: undefined, closes: undefined, ...each })),
  )
})

test('a frame that does not hold exactly its entries is damaged', () => {
  const intake = new Intake(new OpenIntents())
  intake.add(entry(1), NOBODY)
  const plain = intake.take()?.plain() ?? text('')
  for (const [count, bytes] of [
    [2, plain],
    [0, plain],
    [1, plain.slice(0, -1)],
    [1, Uint8Array.of(...plain, 0)],
  ] as const) {
    assert.throws(() => decodeEntries(0 as LeafIndex, count, bytes), hasCode('LEDGER_DAMAGED'))
  }
})

test('a batch takes 4,096 entries, or 8 MiB', () => {
  const intake = new Intake(new OpenIntents())
  for (let n = 0; n < BATCH_ENTRIES_MAX + 1; n += 1) intake.add(entry(n), NOBODY)
  assert.deepEqual([intake.take()?.count, intake.take()?.count], [BATCH_ENTRIES_MAX, 1])
  const large = { leaf: text('l'), payload: new Uint8Array(PAYLOAD_BYTES_MAX) }
  for (let n = 0; n < 9; n += 1) intake.add(large, NOBODY)
  const first = intake.take()
  assert.ok((first?.byteLength ?? 0) <= BATCH_BYTES_MAX)
  assert.deepEqual([first?.count, intake.take()?.count], [7, 2])
  assert.equal(intake.take(), undefined)
})

test('the queue has a limit in entries and in bytes', () => {
  const many = new Intake(new OpenIntents())
  for (let n = 0; n < QUEUE_ENTRIES_MAX; n += 1) many.add(entry(0), NOBODY)
  assert.throws(() => many.add(entry(0), NOBODY), hasCode('LEDGER_QUEUE_FULL'))
  const large = { leaf: text('l'), payload: new Uint8Array(PAYLOAD_BYTES_MAX) }
  const heavy = new Intake(new OpenIntents())
  for (let n = 0; n < QUEUE_BYTES_MAX / PAYLOAD_BYTES_MAX - 1; n += 1) heavy.add(large, NOBODY)
  assert.throws(() => heavy.add(large, NOBODY), hasCode('LEDGER_QUEUE_FULL'))
  assert.equal(heavy.isEmpty, false)
})

for (const [name, bad, code] of [
  ['an empty leaf', { leaf: text(''), payload: text('x') }, 'LEDGER_ENTRY_INVALID'],
  ['a short tag', entry(0, { opens: new Uint8Array(15) }), 'LEDGER_ENTRY_INVALID'],
  ['a large leaf', entry(0, { leaf: new Uint8Array(65_536) }), 'LEDGER_ENTRY_TOO_LARGE'],
  ['a large payload', entry(0, { payload: new Uint8Array(1_048_577) }), 'LEDGER_ENTRY_TOO_LARGE'],
  ['the end of what never was', entry(0, { closes: 7 as LeafIndex }), 'LEDGER_INTENT_CLOSED'],
] as const) {
  test(`${name} is refused, and the next entry is not`, async () => {
    const ledger = await new Machine().open()
    await assert.rejects(ledger.append(bad), hasCode(code))
    assert.equal(await ledger.append(entry(1)), 0)
    await ledger.close()
  })
}

test('an open entry is closed once, by whoever comes first', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const opened = await ledger.append(entry(0, { opens: new Uint8Array(16) }))
  const [one, other] = await Promise.allSettled([
    ledger.append(entry(1, { closes: opened })),
    ledger.append(entry(2, { closes: opened })),
  ])
  assert.equal(one.status, 'fulfilled')
  assert.equal(other.status === 'rejected' && other.reason.code, 'LEDGER_INTENT_CLOSED')
  const late = ledger.append(entry(3, { closes: opened }))
  await assert.rejects(late, hasCode('LEDGER_INTENT_CLOSED'))
  await ledger.close()
})

test('a refused batch gives back what its entries were to close', () => {
  const intents = new OpenIntents([{ index: 3 as LeafIndex, tag: new Uint8Array(16) }])
  const intake = new Intake(intents)
  const closes = 3 as LeafIndex
  intake.add(entry(0, { closes }), NOBODY)
  intake.refuseAll(new Error('full'))
  intake.add(entry(1, { closes }), NOBODY)
  assert.deepEqual(
    intents.list().map(({ index }) => index),
    [3],
  )
  intake.take()?.acknowledge(9 as LeafIndex, intents)
  assert.deepEqual(intents.list(), [])
})

test('what may be open at a time has a limit', () => {
  const tag = new Uint8Array(16)
  const open = Array.from({ length: OPEN_INTENTS_MAX }, (_, at) => ({
    index: at as LeafIndex,
    tag,
  }))
  const intents = new OpenIntents(open)
  assert.throws(() => intents.reserve(entry(0, { opens: tag })), hasCode('LEDGER_INTENTS_FULL'))
})

test('entries of one turn get rising indices in the order of the calls', async () => {
  const ledger = await new Machine().open()
  const count = BATCH_ENTRIES_MAX * 2 + 5
  const answers = Array.from({ length: count }, (_, n) => ledger.append(entry(n)))
  assert.deepEqual(
    await Promise.all(answers),
    answers.map((_, at) => at),
  )
  await ledger.close()
})

test('the caller may reuse its memory as soon as append returns', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const leaf = Buffer.from('a leaf')
  const opens = Buffer.alloc(16, 5)
  const answer = ledger.append({ leaf, payload: leaf, opens })
  leaf.fill(0)
  opens.fill(0)
  await answer
  await ledger.close()
  assert.deepEqual(machine.packer.entries.get(0)?.payload, text('a leaf'))
  const again = await machine.open()
  assert.deepEqual(again.recovery.interrupted[0]?.tag, new Uint8Array(16).fill(5))
  await again.close()
})

test('a long backlog is settled before the next publication is due', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  for (let first = 0; first < 32_000; first += 4_000) await appendAll(ledger, first, first + 4_000)
  await settled()
  assert.ok(machine.packer.calls.includes('settle 20000'), String(machine.packer.calls))
  assert.equal(ledger.published.size, 0)
  await ledger.close()
  assert.equal(ledger.published.size, 32_000)
})

test('batches wait for an integration that falls behind, the longer the more', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  const startMs = machine.clock.ticksMs()
  let isDone = false
  const all = (async () => {
    for (let first = 0; first < 60_000; first += 4_000) {
      await appendAll(ledger, first, first + 4_000)
    }
    isDone = true
  })()
  while (!isDone) {
    await settled()
    if (!isDone) await machine.clock.advance(1)
  }
  await all
  assert.ok(machine.clock.ticksMs() > startMs, 'time has passed')
  await ledger.close()
  assert.equal(ledger.published.size, 60_000)
})

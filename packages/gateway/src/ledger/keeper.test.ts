import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LedgerKeeper } from './keeper.ts'
import { appendAll, entry, hasCode, Machine } from './testing.ts'
import { SEGMENT_LIMITS } from './wal-writer.ts'

/** So many, and the batch that was begun before is on its way to the disk. */
async function steps(count: number): Promise<void> {
  for (let step = 0; step < count; step += 1) await Promise.resolve()
}

test('a failed write ends the instance: the batch is unknown, the queue unwritten', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  machine.disk.inject({ operation: 'write', nth: 1, effect: 'part', path: '.wal' })
  const first = ledger.append(entry(0))
  const late = steps(4).then(() => ledger.append(entry(1)))
  await assert.rejects(first, hasCode('LEDGER_DEAD'))
  await assert.rejects(late, hasCode('LEDGER_UNAVAILABLE'))
  assert.equal(ledger.state, 'dead')
  await assert.rejects(ledger.append(entry(2)), hasCode('LEDGER_UNAVAILABLE'))
  assert.equal((await ledger.died).code, 'LEDGER_DEAD')
  assert.deepEqual(machine.disk.openFiles, [])
})

test('the keeper opens the next incarnation, whose listener appends first', async () => {
  const machine = new Machine()
  const keeper = await LedgerKeeper.start(await machine.options())
  const told: string[] = []
  keeper.onTrouble((reason, state) => told.push(`${reason.name} ${state}`))
  const starts: Promise<number>[] = []
  keeper.onIncarnation((ledger) => starts.push(ledger.append(entry(1_000 + ledger.incarnation))))
  assert.deepEqual(await appendAll(keeper, 0, 2), [1, 2])
  machine.disk.inject({ operation: 'write', nth: 1, path: '.wal' })
  await assert.rejects(keeper.append(entry(2)), hasCode('LEDGER_DEAD'))
  await assert.rejects(keeper.append(entry(2)), hasCode('LEDGER_UNAVAILABLE'))
  await machine.clock.advance(100)
  assert.equal(keeper.state, 'open')
  assert.deepEqual(await appendAll(keeper, 2, 3), [4])
  assert.deepEqual(await Promise.all(starts), [0, 3])
  assert.deepEqual(told, ['LedgerError opening'])
  await machine.clock.advance(1_000)
  assert.equal(keeper.published?.size, 5)
  await keeper.close()
  await assert.rejects(keeper.append(entry(9)), hasCode('LEDGER_UNAVAILABLE'))
})

test('the keeper tries again, later and later, while the disk refuses', async () => {
  const machine = new Machine()
  const keeper = await LedgerKeeper.start(await machine.options())
  const told: string[] = []
  keeper.onTrouble((_, state) => told.push(state))
  machine.disk.inject({ operation: 'write', nth: 1, path: '.wal' })
  await assert.rejects(keeper.append(entry(0)), hasCode('LEDGER_DEAD'))
  for (let time = 0; time < 3; time += 1) {
    machine.disk.inject({ operation: 'list', nth: 1, path: 'wal' })
    await machine.clock.advance(100 * 2 ** time)
  }
  assert.deepEqual(told, ['opening', 'opening', 'opening', 'opening'])
  assert.equal(keeper.state, 'opening')
  await machine.clock.advance(800)
  assert.equal(keeper.state, 'open')
  await keeper.close()
})

test('a keeper whose lock was taken over does not take it back', async () => {
  const machine = new Machine()
  const keeper = await LedgerKeeper.start(await machine.options())
  const { version = 0, value = '' } = machine.cell.locked ?? {}
  machine.cell.locked = { version: version + 1, value }
  await appendAll(keeper, 0, 1)
  await machine.clock.advance(60_000)
  assert.equal(keeper.state, 'refused')
  assert.equal(machine.cell.locked.version, version + 1)
  await keeper.close()
})

test('instances that open and die at once come later and later too', async () => {
  const machine = new Machine()
  const keeper = await LedgerKeeper.start(await machine.options())
  let died = 0
  keeper.onTrouble(() => {
    died += 1
  })
  for (let second = 0; second < 12; second += 1) {
    machine.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
    await keeper.append(entry(0)).catch(() => undefined)
    await machine.clock.advance(1_000)
  }
  assert.ok(died > 3 && died < 9, `${died} deaths in 12 s`)
  await keeper.close()
})

test('zeros that cannot be written end the instance, though no entry waits for them', async () => {
  const machine = new Machine()
  const ledger = await machine.open({ limits: { ...SEGMENT_LIMITS, preallocateBytes: 4_096 } })
  machine.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
  const payload = new Uint8Array(4_500)
  assert.equal(await ledger.append({ leaf: Uint8Array.of(1), payload }), 0)
  assert.equal((await ledger.died).code, 'LEDGER_DEAD')
  const next = await machine.open()
  assert.equal(next.size, 1)
  await next.close()
})

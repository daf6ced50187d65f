import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TreeSize } from '@countersign/tlog'
import { memoryLock, SeededRandom, SimulatedDisk } from '../platform/index.ts'
import type { LedgerErrorCode } from './error.ts'
import { parseLockRecord } from './lock-record.ts'
import { appendAll, changeFile, DATA, flip, hasCode, KEYS, Machine, text } from './testing.ts'

const CHOICES = /choices: bring back .* or retire this origin and begin a new epoch/

/** A ledger of 300 entries, closed. */
async function closed(machine = new Machine()): Promise<Machine> {
  const ledger = await machine.open()
  await appendAll(ledger, 0, 300)
  await ledger.close()
  return machine
}

/** Another 300 entries. */
async function grown(machine: Machine): Promise<void> {
  const ledger = await machine.open()
  await appendAll(ledger, 300, 600)
  await ledger.close()
}

/** What the machine's files were at this moment, as a backup keeps them. */
async function backup(machine: Machine): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: new SeededRandom(9) })
  const copy = async (directory: string): Promise<void> => {
    await disk.makeDirectory(directory)
    for (const { name, kind } of await machine.disk.list(directory)) {
      const path = `${directory}/${name}`
      if (kind === 'directory') await copy(path)
      else await changeFileTo(disk, path, await machine.disk.read(path))
    }
  }
  await copy(DATA)
  await copy(KEYS)
  return disk
}

async function changeFileTo(disk: SimulatedDisk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, { for: 'write', create: 'new', durable: true })
  await file.write(0, bytes)
  await file.close()
}

for (const [name, harm, code, message] of [
  [
    'the lock is gone but the log is there',
    async (machine: Machine) => {
      machine.cell.locked = undefined
    },
    'LEDGER_ROLLED_BACK',
    /there is a log, but no lock/,
  ],
  [
    'the data come from an old backup, the lock does not',
    async (machine: Machine) => {
      const old = await backup(machine)
      await grown(machine)
      machine.disk = old
    },
    'LEDGER_ROLLED_BACK',
    /tiles do not hold a tree of 600/,
  ],
  [
    'the lock comes from an old backup, the data do not',
    async (machine: Machine) => {
      const old = machine.cell.locked
      await grown(machine)
      machine.cell.locked = old
    },
    'LEDGER_ROLLED_BACK',
    /checkpoint 600 was published, but the lock says 300/,
  ],
  [
    'the data are those of another history under the same keys',
    async (machine: Machine) => {
      const old = await backup(machine)
      const lock = machine.cell.locked
      const ledger = await machine.open()
      await appendAll(ledger, 1_000, 1_300)
      await ledger.close()
      const forked = machine.cell.locked
      machine.disk = old
      machine.cell.locked = lock
      await grown(machine)
      machine.cell.locked = forked
    },
    'LEDGER_FORKED',
    /the root at size 600 is not the one that was published/,
  ],
  [
    'the whole data directory is another, empty one',
    async (machine: Machine) => {
      machine.disk = new SimulatedDisk({})
    },
    'LEDGER_ROLLED_BACK',
    /vkeys is missing/,
  ],
] as const satisfies readonly (readonly [
  string,
  (machine: Machine) => Promise<void>,
  LedgerErrorCode,
  RegExp,
])[]) {
  test(`start refuses and prints the choices when ${name}`, async () => {
    const machine = await closed()
    const keys = await machine.options()
    await harm(machine)
    const { signer } = keys
    await assert.rejects(machine.open({ signer }), hasCode(code, message))
    await assert.rejects(machine.open({ signer }), hasCode(code, CHOICES))
  })
}

for (const [name, path, code] of [
  ['the newest checkpoint', `${DATA}/1/log/checkpoint`, 'LEDGER_DAMAGED'],
  ['the verifier keys', `${DATA}/1/log/vkeys`, 'LEDGER_KEYS'],
  ['the last tile', `${DATA}/1/log/tile/0/001.p/44`, 'LEDGER_DAMAGED'],
  ['the last bundle', `${DATA}/1/log/tile/entries/001.p/44`, 'LEDGER_DAMAGED'],
  ['the top tile', `${DATA}/1/log/tile/1/000.p/1`, 'LEDGER_FORKED'],
] as const) {
  test(`start refuses a flipped bit in ${name}`, async () => {
    const machine = await closed()
    await changeFile(machine.disk, path, flip(20))
    await assert.rejects(machine.open(), hasCode(code))
  })
}

test('a flipped bit in the note that the lock holds refuses to start', async () => {
  const machine = await closed()
  const { version, value } = machine.cell.locked ?? { version: 0, value: '' }
  machine.cell.locked = { version, value: value.replace('"size":300', '"size":299') }
  await assert.rejects(machine.open(), hasCode('LEDGER_DAMAGED', /not signed by the keys/))
  machine.cell.locked = { version, value: `${value} ` }
  await assert.rejects(machine.open(), hasCode('LEDGER_DAMAGED', /cannot be read/))
})

test('a second process is refused while the first one lives', async () => {
  const machine = new Machine()
  const first = await machine.open()
  await assert.rejects(machine.open(), hasCode('LEDGER_OWNED'))
  await first.close()
  const second = await machine.open()
  await second.close()
})

test('a stale instance on the same lock never publishes again', async () => {
  const machine = await closed()
  const copy = new Machine()
  copy.disk = await backup(machine)
  copy.lock = memoryLock({ cell: machine.cell })
  const { sealer, signer } = await machine.options()
  const stale = await machine.open()
  const ledger = await copy.open({ sealer, signer, clock: copy.clock })
  assert.deepEqual([stale.incarnation, ledger.incarnation], [2, 3])
  await appendAll(stale, 300, 310)
  await machine.clock.advance(1_000)
  assert.equal((await stale.died).code, 'LEDGER_FENCED')
  assert.equal(stale.published.size, 300)
  await assert.rejects(stale.append({ leaf: text('x'), payload: text('') }), {
    code: 'LEDGER_UNAVAILABLE',
  })
  await appendAll(ledger, 300, 305)
  await ledger.close()
  const record = parseLockRecord(machine.cell.locked?.value ?? '')
  assert.deepEqual([record.size, record.incarnation], [305 as TreeSize, 3])
})

test('a checkpoint that a crash kept from being seen is seen after the next start', async () => {
  const machine = await closed()
  const ledger = await machine.open()
  await appendAll(ledger, 300, 301)
  machine.disk.inject({ operation: 'rename', nth: 1, path: 'log/checkpoint' })
  await machine.clock.advance(1_000)
  assert.equal((await ledger.died).code, 'LEDGER_DEAD')
  const again = await machine.open()
  assert.equal(again.published.size, 301)
  assert.equal(again.recovery.lockSize, 301)
  await again.close()
})

test('a swap that failed but took place is taken for what it is', async () => {
  const machine = new Machine()
  const ledger = await machine.open()
  await appendAll(ledger, 0, 3)
  machine.lock.failSwap('after')
  await machine.clock.advance(1_000)
  assert.equal((await ledger.died).code, 'LEDGER_DEAD')
  const again = await machine.open()
  assert.equal(again.published.size, 3)
  await again.close()
})

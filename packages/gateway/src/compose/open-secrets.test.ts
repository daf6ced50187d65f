import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config/index.ts'
import { SeededRandom, SimulatedClock, SimulatedDisk } from '../platform/index.ts'
import { openSecrets, type Secrets } from './open-secrets.ts'

const CONFIG = { data: '/data', origin: 'log.example', vault: {} } as Config
const KEYS = ['standing.keys', '1.ed25519', '1.mldsa44'] as const

function open(disk: SimulatedDisk, seed: number): Promise<Secrets> {
  const clock = new SimulatedClock({ startUs: 1e15 })
  return openSecrets(CONFIG, { disk, clock, random: new SeededRandom(seed), environment: {} })
}

async function keysOf(disk: SimulatedDisk): Promise<readonly string[]> {
  const names = (await disk.list('/data/keys')).map(({ name }) => name)
  return names.toSorted((one, other) => one.localeCompare(other))
}

async function begun(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await open(disk, 1)
  await disk.makeDirectory('/data/state/wal')
  const segment = await disk.open('/data/state/wal/1.wal', { for: 'write', create: 'new' })
  await segment.close()
  return disk
}

for (const name of KEYS) {
  test(`${name} that is lost is not made anew beside a ledger`, async () => {
    const disk = await begun()
    await disk.remove(`/data/keys/${name}`)
    const left = await keysOf(disk)
    const restore = new RegExp(`/data/keys/${name} .*restore it; nothing was changed`)
    await assert.rejects(open(disk, 2), restore)
    assert.deepEqual(await keysOf(disk), left)
  })
}

// As a first start leaves them that did not come to its end.
for (const name of ['standing.keys', '1.mldsa44']) {
  test(`${name} is made where nothing was ever written`, async () => {
    const disk = new SimulatedDisk()
    await open(disk, 1)
    await disk.remove(`/data/keys/${name}`)
    const { vault } = await open(disk, 2)
    assert.equal(vault.receiptTag(new Uint8Array(8)).length, 16)
  })
}

test('keys that are there are those of before', async () => {
  const disk = await begun()
  const [one, other] = [await open(disk, 2), await open(disk, 3)]
  assert.deepEqual(one.signer.vkeys, other.signer.vkeys)
  const message = new Uint8Array(8)
  assert.deepEqual(one.vault.receiptTag(message), other.vault.receiptTag(message))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedDisk } from '../platform/index.ts'
import { LimitsError } from './limits-error.ts'
import { MemoryStore } from './memory-store.ts'
import type { Quota } from './quota.ts'
import { QuotaFile } from './quota-file.ts'
import { ask, makeQuota } from './testing.ts'

const PATH = '/data/state/quotas'
const START_US = 1_795_000_000_000_000
const POWER = { power: 'lost', random: new SeededRandom(5) } as const
const HOUR_US = 3_600_000_000

class Life {
  readonly time: { us: number }
  readonly store: MemoryStore

  private constructor(time: { us: number }, store: MemoryStore) {
    this.time = time
    this.store = store
  }

  static async begin(disk: SimulatedDisk, atUs = START_US): Promise<Life> {
    const time = { us: atUs }
    const nowUs = (): number => time.us
    const file = await QuotaFile.open({ disk, path: PATH, random: new SeededRandom(7), nowUs })
    return new Life(time, new MemoryStore({ nowUs, file }))
  }

  /** How many of so many requests, four at a time, are admitted. */
  async admitted(quota: Quota, asked: number, key = 'k'): Promise<number> {
    let count = 0
    const one = async (from: number): Promise<void> => {
      for (let at = from; at < asked; at += 4) {
        if ((await this.store.take([ask(quota, key)])).isAdmitted) count += 1
      }
    }
    await Promise.all([0, 1, 2, 3].map(one))
    return count
  }
}

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(3) })
}

for (const [name, config] of [
  ['a small quota', { limit: 10, window: '31d' }],
  ['a large one', { limit: 1000, window: '1d' }],
  ['one with a small burst', { limit: 1000, window: '1h', burst: 20 }],
] as const) {
  const quota = makeQuota(config)
  const all = quota.rate?.burst ?? 0

  test(`${name}: exact, four at a time`, async () => {
    const life = await Life.begin(newDisk())
    assert.equal(await life.admitted(quota, all + 50), all)
  })

  test(`${name}: an orderly stop forgets nothing and takes nothing`, async () => {
    const disk = newDisk()
    const first = await Life.begin(disk)
    assert.equal(await first.admitted(quota, Math.floor(all / 2)), Math.floor(all / 2))
    await first.store.close()
    const second = await Life.begin(disk)
    assert.equal(await second.admitted(quota, all), all - Math.floor(all / 2))
  })

  test(`${name}: a crash never gives anything twice, and takes a reservation at most`, async () => {
    for (let before = 1; before <= all; before += Math.max(1, Math.floor(all / 7))) {
      const disk = newDisk()
      const first = await Life.begin(disk)
      assert.equal(await first.admitted(quota, before), before)
      const second = await Life.begin(disk.crash(POWER))
      const after = await second.admitted(quota, all)
      assert.ok(before + after <= all, `${before} + ${after} of ${all}`)
      assert.ok(before + after >= all - reservedMost(quota), `${before} + ${after} of ${all}`)
    }
  })
}

/** Two chunks and what the slack of a second is worth, begun units counted whole. */
function reservedMost({ rate }: Quota): number {
  if (rate === undefined) return 0
  return 2 * Math.ceil(rate.burst / 100) + Math.ceil(rate.limit / (rate.windowUs / 1_000_000)) + 6
}

test('what cannot be written is not admitted; when it can be again, it is', async () => {
  const disk = newDisk()
  const life = await Life.begin(disk)
  const quota = makeQuota({ limit: 10, window: '31d' })
  assert.equal(await life.admitted(quota, 2), 2)
  disk.inject({ operation: 'write', nth: 1, path: 'quotas', code: 'DISK_FULL' })
  await assert.rejects(Promise.resolve(life.store.take([ask(quota, 'other')])), LimitsError)
  assert.equal(await life.admitted(quota, 20), 8)
  assert.equal(await (await Life.begin(disk.crash(POWER))).admitted(quota, 20), 0)
})

test('a quota in force in another form counts what the file says', async () => {
  const disk = newDisk()
  const first = await Life.begin(disk)
  assert.equal(await first.admitted(makeQuota({ limit: 100, window: '1d' }), 60), 60)
  await first.store.close()
  const second = await Life.begin(disk)
  assert.equal(await second.admitted(makeQuota({ limit: 80, window: '31d' }), 100), 20)
})

test('a limit made much smaller holds up nobody for ever, nor the next start', async () => {
  const disk = newDisk()
  const first = await Life.begin(disk)
  const large = makeQuota({ limit: 1_000_000, window: '31d', cost: { default: 1000 } })
  for (let at = 0; at < 500; at += 1) await first.store.take([ask(large, 'k', 1000)])
  const small = makeQuota({ limit: 10, window: '31d' })
  const { standings } = await first.store.take([ask(small)])
  assert.deepEqual([standings[0]?.used, standings[0]?.waitUs], [10, (31 * 24 * HOUR_US) / 10])
  await first.store.close()
  const second = await Life.begin(disk)
  assert.equal(await second.admitted(small, 5), 0)
})

test('what was used under a former limit is still used after a stop', async () => {
  const disk = newDisk()
  const first = await Life.begin(disk)
  assert.equal(await first.admitted(makeQuota({ limit: 10, window: '1h' }), 10), 10)
  const quota = makeQuota({ limit: 1000, window: '1h' })
  const other = makeQuota({ concurrency: 1 }, 'other')
  await first.store.take([ask(other)])
  // Refused by the other, so nothing is reserved anew before the stop.
  assert.equal((await first.store.take([ask(quota), ask(other)])).isAdmitted, false)
  await first.store.close()
  const second = await Life.begin(disk)
  assert.equal(await second.admitted(quota, 1010), 990)
})

test('what is being reserved when the limit changes is not used by the new one', async () => {
  for (const turns of [0, 1, 2, 3]) {
    const disk = newDisk()
    const first = await Life.begin(disk)
    const late = first.store.take([ask(makeQuota({ limit: 10, window: '1h' }))])
    for (let at = 0; at < turns; at += 1) await Promise.resolve()
    const quota = makeQuota({ limit: 1000, window: '1h' })
    const before = await first.admitted(quota, 150)
    assert.equal((await late).isAdmitted, true)
    const second = await Life.begin(disk.crash(POWER))
    const after = await second.admitted(quota, 1000)
    assert.ok(before + after <= 1000, `${turns}: ${before} and ${after} of 1000`)
  }
})

test('a clock that went back locks nobody out for longer than the quota itself', async () => {
  const disk = newDisk()
  const first = await Life.begin(disk, START_US + 1000 * HOUR_US)
  const quota = makeQuota({ limit: 5, window: '1h' })
  assert.equal(await first.admitted(quota, 9), 5)
  await first.store.close()
  const second = await Life.begin(disk)
  assert.equal(await second.admitted(quota, 9), 0)
  second.time.us += HOUR_US + 2_000_000
  assert.equal(await second.admitted(quota, 9), 5)
})

test('the file names nobody', async () => {
  const disk = newDisk()
  const life = await Life.begin(disk)
  await life.admitted(makeQuota({ limit: 5, window: '1h' }), 3, 'p:["keys","ada"]')
  const text = new TextDecoder().decode(await disk.read(PATH))
  assert.match(
    text,
    /^[0-9a-f]{8} countersign quotas 1 [0-9a-f]{32}\n[0-9a-f]{8} q [0-9a-f]{32} 5 /,
  )
  assert.doesNotMatch(text, /\bada\b/)
})

test('a torn end is cut; damage before the end is an error that says where', async () => {
  const disk = newDisk()
  const life = await Life.begin(disk)
  const quota = makeQuota({ limit: 5, window: '1h' })
  await life.admitted(quota, 2, 'a')
  await life.admitted(quota, 2, 'b')
  const bytes = await disk.read(PATH)
  const write = async (changed: Uint8Array): Promise<void> => {
    const file = await disk.open(PATH, { for: 'write', create: 'never', durable: true })
    await file.truncate(0)
    await file.write(0, changed)
    await file.close()
  }
  await write(bytes.subarray(0, bytes.length - 7))
  assert.ok(await Life.begin(disk))
  const damagedBytes = bytes.slice()
  damagedBytes[80] = (damagedBytes[80] ?? 0) ^ 1
  await write(damagedBytes)
  await assert.rejects(Life.begin(disk), /damaged in line 2/)
})

test('a power cut at any moment under load: nothing is given twice', async () => {
  const quota = makeQuota({ limit: 60, window: '31d' })
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = new SeededRandom(seed)
    const disk = new SimulatedDisk({ random })
    const first = await Life.begin(disk)
    let admitted = 0
    const turns = 1 + (seed % 23)
    const asking = Array.from({ length: 6 }, async (_, load) => {
      for (let turn = 0; turn < turns; turn += 1) {
        const { isAdmitted } = await first.store.take([ask(quota, `k${load % 2}`)])
        if (isAdmitted) admitted += 1
      }
    })
    void Promise.all(asking)
    // After so many turns of the event loop the machine is gone; what waits, waits for ever.
    for (let at = 0; at < seed * 3; at += 1) await Promise.resolve()
    const left = disk.crash({ power: seed % 2 === 0 ? 'lost' : 'kept', random })
    const before = admitted
    const second = await Life.begin(left)
    const after = await Promise.all(['k0', 'k1'].map((key) => second.admitted(quota, 70, key)))
    const total = before + after.reduce((sum, count) => sum + count, 0)
    assert.ok(total <= 120, `seed ${seed}: ${before} and ${after.join()} of 60 each`)
  }
})

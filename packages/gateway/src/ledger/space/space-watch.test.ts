import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  diskErrorCode,
  roomyDisk,
  SeededRandom,
  SimulatedClock,
  SimulatedDisk,
  settled,
  writeFileDurably,
} from '../../platform/index.ts'
import { type DiskConfig, diskConfigSchema, RESERVE_PATH, SpaceWatch } from '../index.ts'

const MIB = 1_048_576
const PATH = `/data/${RESERVE_PATH}`

/** A volume of 16 MiB: a reserve of 1 MiB, warned of below 4 MiB, refused below 2 MiB. */
class Volume {
  readonly clock = new SimulatedClock()
  readonly levels: string[] = []
  readonly faults: unknown[] = []
  disk = new SimulatedDisk({ capacityBytes: 16 * MIB })

  config(changes: Partial<DiskConfig> = {}): DiskConfig {
    const sizes = { reserveBytes: MIB, warnFreeBytes: 4 * MIB, refuseFreeBytes: 2 * MIB }
    return diskConfigSchema.parse({ ...sizes, warnFreePercent: 0, ...changes })
  }

  async open(changes: Partial<DiskConfig> = {}): Promise<SpaceWatch> {
    const watch = await SpaceWatch.open({
      disk: this.disk,
      clock: this.clock,
      random: new SeededRandom(1),
      data: '/data',
      config: this.config(changes),
      onLook: ({ level }) => {
        if (this.levels.at(-1) !== level) this.levels.push(level)
      },
      onFault: (fault) => this.faults.push(fault),
    })
    await this.look()
    return watch
  }

  /** Until the next look is over. */
  async look(): Promise<void> {
    await this.clock.advance(1_000)
    await settled()
  }

  async fill(freeBytes: number): Promise<void> {
    const { freeBytes: free } = await this.disk.space('/')
    await writeFileDurably(this.disk, '/ballast', new Uint8Array(free - freeBytes))
  }

  async reserved(): Promise<number> {
    return (await this.disk.stat(PATH))?.allocatedBytes ?? 0
  }
}

test('the reserve is really written, and there is room enough', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  assert.equal(await volume.reserved(), MIB)
  assert.equal(watch.facts.level, 'ample')
  assert.equal(watch.facts.reserveBytes, MIB)
  await watch.close()
  assert.deepEqual(volume.disk.openFiles, [])
})

test('a disk that fills is told of twice, and is not told of while it wavers', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  await volume.fill(4 * MIB - 8192)
  await volume.look()
  assert.equal(watch.facts.level, 'low')
  await volume.disk.remove('/ballast')
  await volume.fill(4 * MIB + 8192)
  await volume.look()
  assert.equal(watch.facts.level, 'low', 'a little more is not enough')
  await volume.disk.remove('/ballast')
  await volume.fill(2 * MIB - 8192)
  await volume.look()
  assert.equal(watch.isScarce, true)
  assert.equal(watch.facts.reserveBytes, MIB, 'there is room left: the reserve is not needed')
  await volume.disk.remove('/ballast')
  await volume.look()
  assert.deepEqual(volume.levels, ['ample', 'low', 'scarce', 'ample'])
  await watch.close()
})

test('a full disk gets the reserve in steps; it is whole before traffic is served', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  const roomy = roomyDisk(volume.disk, () => watch.makeRoom())
  await volume.fill(4096)
  await writeFileDurably(roomy, '/data/act', new Uint8Array(200_000))
  assert.equal(watch.isScarce, true, 'at once, not at the next look')
  const { reserveBytes } = watch.facts
  assert.ok(reserveBytes < MIB && reserveBytes >= MIB / 2, `${reserveBytes} left`)

  const rest = writeFileDurably(roomy, '/data/more', new Uint8Array(4 * MIB))
  await assert.rejects(rest, (error) => diskErrorCode(error) === 'DISK_FULL')
  assert.equal(await volume.reserved(), 0, 'all of it was tried')

  await volume.disk.remove('/ballast')
  await volume.fill(2 * MIB + MIB / 2)
  await volume.look()
  assert.equal(watch.isScarce, true, 'room for traffic, and none for the reserve')
  await volume.disk.remove('/ballast')
  await volume.look()
  assert.equal(await volume.reserved(), MIB)
  assert.equal(watch.facts.level, 'ample')
  await watch.close()
})

test('the first step of it is not for traffic, whatever the volume says of its room', async () => {
  const volume = new Volume()
  const watch = await volume.open({ warnFreeBytes: 0, refuseFreeBytes: 0 })
  await volume.fill(4096)
  const given = watch.makeRoom()
  assert.equal(watch.isScarce, true, 'before any of it is given back')
  assert.equal(await given, true)
  assert.equal(watch.facts.reserveBytes, MIB - MIB / 8)
  assert.equal(watch.isScarce, true)
  await volume.disk.remove('/ballast')
  await volume.look()
  assert.equal(watch.facts.level, 'ample')
  await watch.close()
})

test('a reserve that cannot be cut stays whole, and keeps no traffic away', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  volume.disk.inject({ operation: 'truncate', nth: 1 })
  assert.equal(await watch.makeRoom(), false)
  assert.equal(volume.faults.length, 1)
  assert.deepEqual([watch.facts.reserveBytes, watch.isScarce], [MIB, false])
  await watch.close()
})

test('a step of the reserve stays free for whoever does not ask', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  await volume.fill(0)
  await volume.look()
  assert.equal(watch.facts.reserveBytes, MIB - MIB / 8)
  assert.ok((await volume.disk.space('/')).freeBytes >= MIB / 8)
  await watch.close()
})

test('a life that ended on the reserve goes on with it, and takes no traffic', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  await volume.fill(0)
  await volume.look()
  await watch.close()
  const again = await volume.open()
  assert.equal(again.isScarce, true)
  await volume.disk.remove('/ballast')
  await volume.look()
  assert.equal(again.isScarce, false)
  await again.close()
})

test('a volume that never had room for the reserve serves, and takes it when it has', async () => {
  const volume = new Volume()
  await volume.disk.makeDirectory('/data')
  await volume.fill(3 * MIB)
  const first = await volume.open({ warnFreeBytes: 0, refuseFreeBytes: 0, reserveBytes: 4 * MIB })
  assert.deepEqual([first.facts.level, first.facts.reserveBytes], ['ample', 0])
  await first.close()
  const again = await volume.open({ warnFreeBytes: 0, refuseFreeBytes: 0, reserveBytes: 4 * MIB })
  assert.equal(again.facts.level, 'ample', 'a restart changes nothing')
  await volume.disk.remove('/ballast')
  for (let times = 0; times < 3; times += 1) await volume.look()
  assert.equal(again.facts.reserveBytes, 4 * MIB)
  await again.close()
})

test('a watch that is closed while it takes the reserve waits for no timer', async () => {
  const volume = new Volume()
  const config = volume.config({ reserveBytes: 4 * MIB })
  const { disk, clock } = volume
  const random = new SeededRandom(1)
  const told = { onLook: () => undefined, onFault: () => undefined }
  const watch = await SpaceWatch.open({ disk, clock, random, data: '/data', config, ...told })
  await settled()
  const { reserveBytes } = watch.facts
  await watch.close()
  assert.ok(reserveBytes < 4 * MIB, `${reserveBytes} were there`)
  const again = await volume.open({ reserveBytes: 4 * MIB })
  assert.equal(again.facts.level, 'ample', 'a first taking that was cut short is none')
  await again.close()
})

test('without a reserve and marks a full disk is met when it is full', async () => {
  const volume = new Volume()
  const watch = await volume.open({ reserveBytes: 0, warnFreeBytes: 0, refuseFreeBytes: 0 })
  await volume.fill(0)
  await volume.look()
  assert.equal(await watch.makeRoom(), false)
  assert.equal(watch.facts.level, 'ample')
  await watch.close()
})

test('a volume that cannot be asked is told of, and changes nothing', async () => {
  const volume = new Volume()
  const watch = await volume.open()
  volume.disk.inject({ operation: 'stat', nth: 1 })
  await volume.look()
  assert.equal(volume.faults.length, 1)
  assert.equal(watch.facts.level, 'ample')
  await watch.close()
})

for (const power of ['kept', 'lost'] as const) {
  test(`a reserve is true after a crash while taken or given back (power ${power})`, async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const volume = new Volume()
      const random = new SeededRandom(seed)
      const clock = new SimulatedClock()
      const latency = { clock, longestMs: 5 }
      const disk = new SimulatedDisk({ capacityBytes: 16 * MIB, latency, random: random.fork() })
      await disk.observer().makeDirectory('/data')
      const options = { random: random.fork(), data: '/data', config: volume.config() }
      const open = SpaceWatch.open({
        ...options,
        disk,
        clock,
        onLook: () => undefined,
        onFault: () => undefined,
      })
      // Its machine goes down: it may never resolve.
      void open.then(async (watch) => {
        if (seed % 2 === 0) await watch.makeRoom()
      })
      for (let step = random.below(24); step > 0; step -= 1) {
        clock.runNext()
        await settled()
      }
      volume.disk = disk.crash({ power, random: random.fork() })
      await volume.disk.makeDirectory('/data')
      const watch = await volume.open()
      assert.equal(await volume.reserved(), MIB, `seed ${seed}`)
      assert.equal(watch.facts.level, 'ample', `seed ${seed}`)
      await watch.close()
    }
  })
}

for (const [name, changes, field] of [
  ['a warning after the refusal', { warnFreeBytes: 1, refuseFreeBytes: 2 }, 'warnFreeBytes'],
  ['the same in percent', { warnFreePercent: 1, refuseFreePercent: 2 }, 'warnFreePercent'],
] as const) {
  test(`${name} is a mistake of the configuration`, () => {
    const parsed = diskConfigSchema.safeParse(changes)
    assert.equal(parsed.success, false)
    assert.deepEqual(parsed.error?.issues[0]?.path, [field])
  })
}

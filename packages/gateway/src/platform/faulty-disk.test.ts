import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  diskErrorCode,
  FaultyDisk,
  JumpingClock,
  SimulatedClock,
  SimulatedDisk,
  settled,
  writeFileDurably,
} from './index.ts'

const has = (code: string) => (error: unknown) => diskErrorCode(error) === code

async function makeIll() {
  const clock = new SimulatedClock()
  const disk = new FaultyDisk(new SimulatedDisk(), clock)
  await disk.makeDirectory('/d')
  return { clock, disk }
}

test('a full disk takes what was allocated, and what was given back', async () => {
  const { disk } = await makeIll()
  await writeFileDurably(disk, '/d/old', new Uint8Array(100))
  disk.suffer({ freeBytes: 50 })
  const file = await disk.open('/d/old', { for: 'write', create: 'never' })
  await file.write(0, new Uint8Array(100).fill(1))
  await file.write(100, new Uint8Array(50))
  await assert.rejects(file.write(150, new Uint8Array(1)), has('DISK_FULL'))
  await assert.rejects(writeFileDurably(disk, '/d/new', new Uint8Array(1)), has('DISK_FULL'))
  await file.truncate(20)
  assert.equal((await disk.space()).freeBytes, 130)
  await file.close()
  await writeFileDurably(disk, '/d/new', new Uint8Array(100))
  await disk.remove('/d/new')
  assert.equal((await disk.space()).freeBytes, 129, 'a name takes one')
  disk.suffer({})
  await writeFileDurably(disk, '/d/new', new Uint8Array(1000))
})

test('a broken disk fails what is written, and reads', async () => {
  const { disk } = await makeIll()
  await writeFileDurably(disk, '/d/old', Uint8Array.of(7))
  disk.suffer({ isBroken: true })
  await assert.rejects(writeFileDurably(disk, '/d/new', Uint8Array.of(8)), has('DISK_IO'))
  assert.deepEqual(await disk.read('/d/old'), Uint8Array.of(7))
})

test('a slow disk takes so much longer', async () => {
  const { disk, clock } = await makeIll()
  disk.suffer({ slowMs: 100 })
  let isWritten = false
  const writing = writeFileDurably(disk, '/d/slow', Uint8Array.of(1)).then(() => {
    isWritten = true
  })
  await settled()
  await clock.advance(99)
  assert.equal(isWritten, false)
  await clock.advance(1)
  await writing
})

test('a clock that is set keeps its ticks', async () => {
  const right = new SimulatedClock()
  const clock = new JumpingClock(right)
  const [us, ms] = [clock.nowUs(), clock.ticksMs()]
  clock.set(-3_600_000)
  assert.equal(clock.nowUs(), us - 3_600_000_000)
  assert.equal(clock.ticksMs(), ms)
  clock.set(0)
  assert.equal(clock.nowUs(), us)
})

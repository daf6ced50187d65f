// No false alarm: whatever an honest gateway does, or dies of, its ledger holds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Disk, SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { DATA, DONE, MadeLedger, request, someTraffic } from './made-ledger.ts'

const SMALL_SEGMENTS = { segmentEntriesMax: 8 }

async function assertHonest(
  ledger: MadeLedger,
  when: string,
  disk: Disk = ledger.disk.observer(),
): Promise<Report> {
  const require = ['log', 'records', 'persons'] as const
  const report = await verifyDirectory({ disk, directory: DATA, require, lock: ledger.lock })
  assert.deepEqual({ bad: report.bad, exit: report.exit }, { bad: [], exit: 0 }, when)
  return report
}

test('a gateway at work, stopped, and started again', async () => {
  const ledger = new MadeLedger(11, SMALL_SEGMENTS)
  const first = await ledger.start()
  await ledger.publish()
  await assertHonest(ledger, 'just started')
  await someTraffic(first, 0)
  await assertHonest(ledger, 'with records that no checkpoint covers')
  const open = await first.intent(request('ada', 7))
  await ledger.publish()
  await assertHonest(ledger, 'with an open intent')
  await first.outcome(open, DONE)
  await ledger.stop(first)
  await assertHonest(ledger, 'stopped')
  const second = await ledger.start()
  await someTraffic(second, 10)
  await ledger.publish()
  const { size } = await assertHonest(ledger, 'started again')
  assert.ok(Number(size) > 10)
})

test('a segment that is read while two batches are written to it', async () => {
  const ledger = new MadeLedger(19)
  const recorder = await ledger.start()
  await ledger.publish()
  const before = await segmentOf(ledger)
  const open = await recorder.intent(request('ada', 1))
  const between = await segmentOf(ledger)
  await recorder.outcome(open, DONE)
  const disk = ledger.disk.observer()
  let isTorn = false
  const torn = readBy(disk, async (path, bytesMax) => {
    const bytes = await disk.read(path, bytesMax)
    if (isTorn || !path.endsWith('.wal')) return bytes
    isTorn = true
    // The pages of the first batch were read before it was written, that of the second after.
    const places = [...bytes.keys()].filter((at) => between[at] !== (before[at] ?? 0))
    return Uint8Array.from(bytes).fill(0, places[0], (places.at(-1) ?? 0) + 1)
  })
  await assertHonest(ledger, 'while it is read', torn)
  assert.ok(isTorn)
  await ledger.stop(recorder)
})

async function segmentOf({ disk }: MadeLedger): Promise<Uint8Array> {
  const [segment] = (await disk.list(`${DATA}/state/wal`)).slice(-1)
  return disk.read(`${DATA}/state/wal/${segment?.name}`)
}

test('more than a block and a segment of entries', async () => {
  const ledger = new MadeLedger(12, { segmentEntriesMax: 100 })
  const recorder = await ledger.start()
  for (let round = 0; round < 12; round += 1) {
    const traffic = Array.from({ length: 9 }, (_, at) => someTraffic(recorder, round * 100 + at))
    await Promise.all(traffic)
    await ledger.publish()
    await assertHonest(ledger, `round ${round}`)
  }
  await ledger.stop(recorder)
  const { size } = await assertHonest(ledger, 'stopped')
  assert.ok(Number(size) > 512)
})

test('an hour of silence, with its heartbeats', async () => {
  const ledger = new MadeLedger(13)
  const recorder = await ledger.start()
  await ledger.clock.advance(3_700_000)
  await someTraffic(recorder, 0)
  await ledger.publish()
  await assertHonest(ledger, 'after an hour')
})

test('a disk that is full, and has room again', async () => {
  const ledger = new MadeLedger(14, SMALL_SEGMENTS)
  const recorder = await ledger.start()
  await someTraffic(recorder, 0)
  ledger.disk.setCapacity(ledger.disk.usedBytes)
  const refused = await fill(recorder)
  assert.ok(refused > 0, 'the disk was never full')
  await ledger.publish()
  await assertHonest(ledger, 'full')
  ledger.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await ledger.clock.advance(5_000)
  await someTraffic(recorder, 100)
  await ledger.publish()
  await assertHonest(ledger, 'with room again')
})

/** Requests until some are refused. Returns how many were. */
async function fill(recorder: Awaited<ReturnType<MadeLedger['start']>>): Promise<number> {
  let refused = 0
  for (let number = 1; number <= 40 && refused < 3; number += 1) {
    try {
      await someTraffic(recorder, number)
    } catch {
      refused += 1
    }
  }
  return refused
}

for (const power of ['kept', 'lost'] as const) {
  test(`a crash at any moment, the power ${power}`, async (context) => {
    let crashes = 0
    for (let seed = 1; seed <= 12; seed += 1) {
      const ledger = new MadeLedger(100 + seed, SMALL_SEGMENTS)
      const random = new SeededRandom(seed)
      for (let life = 0; life < 3; life += 1) {
        const recorder = await ledger.start()
        await someTraffic(recorder, life * 10)
        await ledger.publish()
        void someTraffic(recorder, life * 10 + 2).catch(() => undefined)
        const publishing = ledger.publish()
        const turns = random.bytes(1)[0] ?? 0
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
        ledger.crash(power)
        await publishing
        crashes += 1
        await assertHonest(ledger, `seed ${seed}, crash ${life}, after ${turns} turns`)
      }
    }
    context.diagnostic(`${crashes} crashes, no false alarm`)
  })
}

test('a ledger that grows while it is read', async (context) => {
  const ledger = new MadeLedger(15, { segmentEntriesMax: 64 })
  const recorder = await ledger.start()
  await ledger.publish()
  let writing = true
  const writer = (async () => {
    for (let from = 0; from < 90; from += 1) {
      await someTraffic(recorder, from * 3)
      await ledger.clock.advance(250)
      for (let turn = 0; turn < 8; turn += 1) await setImmediate()
    }
    writing = false
  })()
  const sizes = new Set<number | null>()
  while (writing) {
    const report = await assertHonest(ledger, `audit ${sizes.size}`, slow(ledger.disk.observer()))
    sizes.add(report.size)
    await setImmediate()
  }
  await writer
  context.diagnostic(`${sizes.size} sizes audited, up to ${Math.max(...[...sizes].map(Number))}`)
  assert.ok(sizes.size > 5)
})

/** A disk that lets the gateway go on between any two reads of the audit. */
function slow(disk: Disk): Disk {
  return readBy(disk, async (path, bytesMax) => {
    await setImmediate()
    return disk.read(path, bytesMax)
  })
}

function readBy(disk: Disk, read: Disk['read']): Disk {
  return Object.assign(Object.create(disk), {
    open: (...of: Parameters<Disk['open']>) => disk.open(...of),
    stat: (path: string) => disk.stat(path),
    async list(path: string) {
      await setImmediate()
      return disk.list(path)
    },
    read,
  })
}

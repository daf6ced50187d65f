import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GapFacts, WindowFacts } from '@countersign/evidence'
import type { RecordKeeper } from './diary.ts'
import type { IntentDraft } from './drafts.ts'
import { decodeOpenTag, encodeOpenTag } from './open-tag.ts'
import type { Recorded } from './recorded.ts'
import type { Recorder } from './recorder.ts'
import { Machine, pairViolations, type ReadRecord } from './testing.ts'

const ADA: IntentDraft = {
  who: { principal: { id: 'ada', kind: 'user', issuer: 'keys' } },
  where: { address: '192.0.2.7' },
  what: { method: 'GET', scheme: 'http', authority: 'a.example', path: '/orders/7' },
  why: { verdict: 'allow', reason: 'policy-permits' },
  isRelaxed: true,
}
const DONE = { how: { ended: 'released', status: 200, source: 'upstream' } } as const
const BOUNDS = { recordsMax: 10, windowMs: 500 }
const LINGER_MS = 10

async function started(machine: Machine, bounds = BOUNDS): Promise<Recorder> {
  const recorder = await machine.start()
  recorder.windows.use(bounds)
  // The first one waits, as everybody does, while the window's record becomes durable.
  await exchange(recorder)
  return recorder
}

async function exchange(recorder: Recorder): Promise<readonly [Recorded, Recorded]> {
  const intent = await recorder.intent(ADA)
  return [intent, await recorder.outcome(intent, DONE)]
}

/** Stops, and reads everything back: nothing of it breaks a rule. */
async function told(machine: Machine, recorder: Recorder): Promise<readonly ReadRecord[]> {
  await machine.stop(recorder)
  return read(machine)
}

async function read(machine: Machine): Promise<readonly ReadRecord[]> {
  const next = await machine.start()
  const records = await machine.records()
  assert.deepEqual(pairViolations(records), [])
  await machine.stop(next)
  assert.deepEqual(machine.faults, [])
  return records
}

function windowsOf(records: readonly ReadRecord[]): readonly string[] {
  return records.flatMap(({ kind, sections }) => {
    if (kind !== 'window') return []
    const { act, records: count } = sections.what as WindowFacts
    return [count === undefined ? act : `${act} ${count}`]
  })
}

const relaxedIn = (records: readonly ReadRecord[]): number =>
  records.filter(({ when }) => when.recording === 'relaxed').length

test('nothing is acted on before the record of its window is durable', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  recorder.windows.use(BOUNDS)
  const first = await recorder.intent(ADA)
  assert.ok(first.isDurable, 'the first one waits')
  const [second] = await exchange(recorder)
  assert.equal(second.isDurable, false)
  await machine.clock.advance(LINGER_MS)
  assert.equal(second.isDurable, true)
  await recorder.outcome(first, DONE)
  const records = await told(machine, recorder)
  const opened = records.findIndex(({ kind }) => kind === 'window')
  const relaxed = records.findIndex(({ when }) => when.recording === 'relaxed')
  assert.ok(opened >= 0 && relaxed > opened)
})

test('what is not relaxed waits, whatever window is open', async () => {
  const machine = new Machine()
  const recorder = await started(machine)
  const intent = await recorder.intent({ ...ADA, isRelaxed: false })
  const outcome = await recorder.outcome(intent, DONE)
  assert.ok(intent.isDurable && outcome.isDurable)
  await told(machine, recorder)
})

test('without windows nothing is relaxed', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const [intent, outcome] = await exchange(recorder)
  assert.ok(intent.isDurable && outcome.isDurable)
  const records = await told(machine, recorder)
  assert.deepEqual([windowsOf(records), relaxedIn(records)], [[], 0])
})

test('a window is renewed when half of it is used, and closed when nothing comes', async () => {
  const machine = new Machine()
  const recorder = await started(machine)
  for (let count = 0; count < 10; count += 1) {
    await exchange(recorder)
    await machine.clock.advance(LINGER_MS)
  }
  await machine.clock.advance(BOUNDS.windowMs)
  const [late] = await exchange(recorder)
  assert.ok(late.isDurable, 'it opens the next one')
  const records = await told(machine, recorder)
  const windows = windowsOf(records)
  assert.deepEqual(windows.slice(0, 2), ['open', 'renew 5'])
  assert.equal(windows.at(-2), 'open')
  assert.match(windows.at(-3) ?? '', /^close [0-9]$/)
  assert.match(windows.at(-1) ?? '', /^close 1$/)
  assert.ok(relaxedIn(records) >= 20)
})

/** A disk that stands still: what it holds is told when it goes on. */
class Stall {
  isOn = false
  readonly #held: (() => void)[] = []

  /** The machine's own keeper, but for when it tells. */
  keeperOf(machine: Machine): RecordKeeper {
    return {
      onIncarnation: (listener) => {
        machine.keeper?.onIncarnation((ledger) => {
          const { incarnation, recovery } = ledger
          listener({
            incarnation,
            recovery,
            published: ledger.published,
            onPacked: (packed) => ledger.onPacked(packed),
            appendFor: (entry, waiter) =>
              ledger.appendFor(entry, {
                durable: (index) => this.#tell(() => waiter.durable(index)),
                refused: (error) => this.#tell(() => waiter.refused(error)),
              }),
          })
        })
      },
    }
  }

  end(): void {
    this.isOn = false
    for (const tell of this.#held.splice(0)) tell()
  }

  #tell(tell: () => void): void {
    if (this.isOn) this.#held.push(tell)
    else tell()
  }
}

async function stalled(
  bounds = BOUNDS,
): Promise<{ machine: Machine; recorder: Recorder; stall: Stall }> {
  const machine = new Machine()
  const stall = new Stall()
  const recorder = await machine.start(
    { keeper: stall.keeperOf(machine) },
    { preallocateBytes: 65_536 },
  )
  recorder.windows.use(bounds)
  await exchange(recorder)
  await machine.clock.advance(LINGER_MS)
  stall.isOn = true
  return { machine, recorder, stall }
}

/** How many of these are there already. */
async function settled(machine: Machine, all: readonly Promise<unknown>[]): Promise<number> {
  let count = 0
  for (const each of all) void each.then(() => (count += 1))
  await machine.clock.advance(100)
  return count
}

test('a disk that stands still lets no more be acted on than the window says', async () => {
  const { machine, recorder, stall } = await stalled()
  const intents = Array.from({ length: 30 }, () => recorder.intent(ADA))
  // One outcome stands behind the window's record already.
  assert.equal(await settled(machine, intents), BOUNDS.recordsMax - 1)
  stall.end()
  for (const intent of intents) await recorder.outcome(await intent, DONE)
  await told(machine, recorder)
})

test('a disk that stands still lets nothing be acted on when the window is over', async () => {
  const { machine, recorder, stall } = await stalled({ recordsMax: 1_000, windowMs: 500 })
  await machine.clock.advance(250)
  const first = recorder.intent(ADA)
  assert.equal(await settled(machine, [first]), 1)
  await machine.clock.advance(200)
  const second = recorder.intent(ADA)
  assert.equal(await settled(machine, [second]), 0)
  stall.end()
  for (const intent of [first, second]) await recorder.outcome(await intent, DONE)
  const records = await told(machine, recorder)
  assert.ok(windowsOf(records).some((what) => what.startsWith('close')))
})

test('a crash leaves a gap that says at most so many, and no more are missing', async () => {
  for (const power of ['lost', 'kept'] as const) {
    const machine = new Machine()
    const recorder = await started(machine)
    await machine.clock.advance(LINGER_MS)
    const before = await Promise.all([exchange(recorder), exchange(recorder)])
    machine.crash(power)
    const records = await read(machine)
    const gap = records.find(({ kind }) => kind === 'gap')
    const window = records.find(({ kind }) => kind === 'window')
    assert.deepEqual(gap?.when.about, { epoch: 1, index: window?.index })
    assert.ok(gap !== undefined)
    const { reason, unrecordedMax, unrecorded } = gap.sections.what as GapFacts
    assert.deepEqual([reason, unrecordedMax], ['window-interrupted', BOUNDS.recordsMax])
    assert.equal(unrecorded, 0)
    const there = new Set(records.map(({ when }) => when.exchange))
    const missing = before.filter(([{ exchange: id }]) => !there.has(id))
    assert.ok(2 * missing.length <= BOUNDS.recordsMax)
  }
})

test('a stop closes the window, and a crash after it leaves no gap', async () => {
  const machine = new Machine()
  const recorder = await started(machine)
  await exchange(recorder)
  const records = await told(machine, recorder)
  assert.equal(records.filter(({ kind }) => kind === 'gap').length, 0)
  assert.deepEqual(windowsOf(records), ['open', 'close 3'])
})

test('other bounds close the window that is open, and so does going back to strict', async () => {
  const machine = new Machine()
  const recorder = await started(machine)
  recorder.windows.use({ recordsMax: 20, windowMs: 400 })
  const [waited] = await exchange(recorder)
  assert.ok(waited.isDurable)
  await exchange(recorder)
  await exchange(recorder)
  recorder.windows.use(undefined)
  const [strict] = await exchange(recorder)
  assert.ok(strict.isDurable)
  const records = await told(machine, recorder)
  assert.deepEqual(windowsOf(records).slice(0, 3), ['open', 'close 1', 'open'])
  assert.match(windowsOf(records).at(-1) ?? '', /^close [1-9]/)
})

test('a full disk fails closed: nothing is promised, and what was is there', async () => {
  const machine = new Machine()
  const recorder = await started(machine, { recordsMax: 1_000, windowMs: 500 })
  machine.disk.setCapacity(machine.disk.usedBytes)
  const acted: Recorded[] = []
  let refused: unknown
  for (let count = 0; refused === undefined && count < 500; count += 1) {
    try {
      acted.push(...(await exchange(recorder)))
    } catch (error) {
      refused = error
    }
  }
  assert.equal((refused as { code?: string }).code, 'RECORDER_UNAVAILABLE')
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(5_000)
  assert.ok(acted.length > 4 && acted.every(({ isDurable }) => isDurable))
  await exchange(recorder)
  await told(machine, recorder)
})

test('a life that ends is followed by one that tells what at most is missing', async () => {
  const machine = new Machine()
  const recorder = await started(machine)
  await machine.clock.advance(LINGER_MS)
  const [intent] = await exchange(recorder)
  machine.disk.inject({ operation: 'write', nth: 1, path: 'wal', code: 'DISK_IO' })
  await machine.clock.advance(5_000)
  assert.equal(intent.isDurable, false)
  await assert.rejects(recorder.outcome(intent, DONE), { code: 'RECORDER_INTENT_CLOSED' })
  await exchange(recorder)
  const records = await told(machine, recorder)
  const gaps = records.filter(({ kind }) => kind === 'gap').map(({ sections }) => sections.what)
  assert.ok(gaps.some((gap) => (gap as GapFacts).reason === 'window-interrupted'))
  // It was not turned away: no gap counts it as such.
  assert.ok(gaps.every((gap) => (gap as GapFacts).unrecorded === 0))
})

test('the tag of a window says since when, and its bounds', () => {
  const tag = { of: 'window', fromMs: 1_795_000_000_123, recordsMax: 100_000, windowMs: 60_000 }
  const bytes = encodeOpenTag(tag as Parameters<typeof encodeOpenTag>[0])
  assert.equal(Buffer.from(bytes).toString('hex'), '01a1ee565e7b800180000186a000ea60')
  assert.deepEqual(decodeOpenTag(bytes), tag)
})

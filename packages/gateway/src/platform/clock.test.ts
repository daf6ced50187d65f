import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedClock, systemClock, systemRandom } from './index.ts'

test('the system clock stays within the millisecond that the wall clock names', () => {
  const clock = systemClock()
  let before = 0
  for (let count = 0; count < 20_000; count++) {
    const [earliest, nowUs, latest] = [Date.now(), clock.nowUs(), Date.now()]
    assert.ok(Number.isSafeInteger(nowUs))
    assert.ok(nowUs >= earliest * 1000 && nowUs < (latest + 1) * 1000)
    assert.ok(nowUs >= before || latest < before / 1000)
    before = nowUs
  }
})

test('the system clock follows when the wall clock jumps', (context) => {
  const clock = systemClock()
  const real = Date.now
  const clocks = { hourBack: -3_600_000, dayForward: 86_400_000, none: 0 }
  for (const byMs of Object.values(clocks)) {
    const faked = context.mock.method(Date, 'now', () => real() + byMs)
    assert.ok(Math.abs(clock.nowUs() / 1000 - (real() + byMs)) < 50)
    faked.mock.restore()
  }
})

test('simulated timers run in order of time, then of setting, and may set others', async () => {
  const clock = new SimulatedClock({ startUs: 1_000_000 })
  const ran: string[] = []
  const note = (name: string) => () => void ran.push(`${name}@${clock.nowUs()}`)
  clock.after(20, note('late'))
  clock.after(10, note('first'))
  clock.after(10, note('second'))
  clock.after(5, () => clock.after(1, note('nested')))
  clock.after(7, note('never')).cancel()
  clock.after(1000, note('beyond'))
  await clock.advance(100)
  assert.deepEqual(ran, ['nested@1006000', 'first@1010000', 'second@1010000', 'late@1020000'])
  assert.deepEqual([clock.ticksMs(), clock.untilNextMs()], [100, 900])
})

test('a jump moves the wall clock and no timer', async () => {
  const clock = new SimulatedClock({ startUs: 0 })
  let ran = false
  clock.after(10, () => {
    ran = true
  })
  clock.jump(3_600_000_000)
  assert.deepEqual([clock.nowUs(), clock.ticksMs(), ran], [3_600_000_000, 0, false])
  await clock.advance(10)
  assert.ok(ran)
})

test('ten thousand timers at random come out sorted', async () => {
  const clock = new SimulatedClock()
  const random = new SeededRandom(7)
  let last = 0
  let count = 0
  for (let index = 0; index < 10_000; index++) {
    clock.after(random.below(1000), () => {
      assert.ok(clock.ticksMs() >= last)
      last = clock.ticksMs()
      count++
    })
  }
  while (clock.runNext());
  assert.equal(count, 10_000)
})

test('a seed is a sequence, two seeds are two, and draws are spread evenly', () => {
  const draw = (seed: number) => new SeededRandom(seed).bytes(64)
  assert.deepEqual(draw(1), draw(1))
  assert.notDeepEqual(draw(1), draw(2))
  assert.notDeepEqual(draw(1), draw(1 + 2 ** 32))
  const counts = new Uint32Array(10)
  const random = new SeededRandom(42)
  for (let index = 0; index < 100_000; index++) {
    const drawn = random.below(10)
    counts[drawn] = (counts[drawn] ?? 0) + 1
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, counts.join())
  assert.equal(random.seed, 42)
})

test('system randomness has the length that was asked for and does not repeat', () => {
  assert.equal(systemRandom().bytes(16).length, 16)
  assert.notDeepEqual(systemRandom().bytes(16), systemRandom().bytes(16))
})

test('a turn ends when all that came in it was seen to', async () => {
  const seen: string[] = []
  const clock = systemClock()
  await new Promise<void>((done) => {
    clock.atTurnEnd(() => done(void seen.push('end')))
    void Promise.resolve().then(() => seen.push('promise'))
    seen.push('call')
  })
  assert.deepEqual(seen, ['call', 'promise', 'end'])
})

test('the system draws as many bytes as it is asked for, and none twice', () => {
  const random = systemRandom()
  const seen = new Set<string>()
  for (let draw = 0; draw < 2_000; draw++) {
    const bytes = random.bytes(8 + (draw % 64))
    assert.equal(bytes.length, 8 + (draw % 64))
    assert.equal(bytes.buffer.byteLength, bytes.length)
    seen.add(Buffer.from(bytes.subarray(0, 8)).toString('hex'))
  }
  assert.equal(seen.size, 2_000)
  assert.deepEqual(random.bytes(0), new Uint8Array(0))
})

// L6: a mixed load for a long time. Neither memory nor descriptors grow, and the thread that
// serves is not late.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, callAll, send } from './callers.ts'
import type { LoadCase } from './case.ts'
import { assertIdentity, sayIdentity } from './identity.ts'
import { Rig } from './rig.ts'

const CALLERS = 16
const PAUSE_MS = 2
const SAMPLES = 60
/** Shorter than this, what a process needs to get going at all looks like growth. */
const JUDGED_MINUTES_MIN = 5
const LATE_MS_MAX = Number(process.env.LATE_MS_MAX ?? 50)
/** What an allocator keeps goes up and down by this; what is in use does not. */
const GROWTH_MIB_MAX = 48
const HEAP_GROWTH_MIB_MAX = 8
const DESCRIPTORS_MAX = 20
const STREAMS = 4

interface Sample {
  readonly atMs: number
  readonly rssMiB: number
  readonly descriptors: number
  /** Of the thread that serves: what is in use, garbage that waits included. */
  readonly heapMiB: number
  readonly externalMiB: number
  readonly lateMs: number
}

export const soak: LoadCase = async ({ minutes, pauseMs = PAUSE_MS, say }) => {
  const rig = await Rig.open({ policy: POLICY })
  try {
    const idle = rig.standing().descriptors
    const untilMs = performance.now() + minutes * 60_000
    const until = (): boolean => performance.now() > untilMs
    const sampling = sample(rig, minutes, until)
    const streaming = streams(rig, until)
    const tally = await callAll({
      port: rig.port,
      callers: CALLERS,
      ask: mix(rig),
      until,
      pauseMs,
    })
    const samples = await sampling
    await streaming
    const steady = samples.slice(Math.floor(samples.length / 3))
    const perMinute = slope(steady.map(({ atMs, rssMiB }) => [atMs / 60_000, rssMiB]))
    const growth = mean(steady.slice(-5), 'rssMiB') - mean(steady.slice(0, 5), 'rssMiB')
    const [first, last] = [steady[0], steady.at(-1)]
    const lateMs = mean(steady, 'lateMs')
    say(`L6 ${minutes} min: ${tally.text}`)
    say(`L6 p50 ${tally.percentileMs(50)} ms, p99 ${tally.percentileMs(99)} ms`)
    const memory = `${first?.rssMiB.toFixed(1)} -> ${last?.rssMiB.toFixed(1)} MiB`
    say(`L6 after the first third: memory ${memory}, slope ${perMinute.toFixed(2)} MiB/min`)
    const [heapThen = 0, heapNow = 0] = least(steady, 'heapMiB')
    const [outThen = 0, outNow = 0] = least(steady, 'externalMiB')
    say(`L6 least heap ${heapThen.toFixed(1)} -> ${heapNow.toFixed(1)} MiB`)
    say(`L6 least external ${outThen.toFixed(1)} -> ${outNow.toFixed(1)} MiB`)
    say(`L6 descriptors ${first?.descriptors} -> ${last?.descriptors}`)
    const worst = Math.max(...samples.map((each) => each.lateMs))
    say(`L6 event loop p99 ${lateMs.toFixed(1)} ms (mean), ${worst.toFixed(1)} ms (worst)`)
    // A connection of each caller to us, one on to the upstream, and some.
    const most = idle + 2 * (CALLERS + STREAMS) + DESCRIPTORS_MAX
    const now = last?.descriptors ?? 0
    assert.ok(now <= most, `${now} descriptors, ${idle} before any load`)
    if (minutes >= JUDGED_MINUTES_MIN) {
      const then = first?.descriptors ?? 0
      assert.ok(now <= then + DESCRIPTORS_MAX, `descriptors: ${then} -> ${now}`)
      assert.ok(growth <= GROWTH_MIB_MAX, `memory grew by ${growth.toFixed(1)} MiB`)
      const inUse = heapNow + outNow - heapThen - outThen
      assert.ok(inUse <= HEAP_GROWTH_MIB_MAX, `${inUse.toFixed(1)} MiB more are in use`)
      assert.ok(lateMs < LATE_MS_MAX, `the event loop is late by ${lateMs.toFixed(1)} ms`)
    }
    say(`L6 ${sayIdentity(await assertIdentity(rig))}`)
  } finally {
    await rig.close()
  }
}

const POLICY = `permit (principal == User::"ada", action, resource);
`

/** Served, with a body, forbidden, unknown, and nonsense. */
function mix({ tokens: { ada, ben } }: Rig): (nth: number) => Ask {
  const body = new Uint8Array(4_000).fill(65)
  const kinds: readonly Ask[] = [
    { path: '/orders/7', token: ada },
    { path: '/orders/8?a=1', token: ada },
    { method: 'POST', path: '/orders', token: ada, body },
    { path: '/orders/9', token: ada },
    { path: '/orders/7', token: ben },
    { path: '/orders/7', token: 'ck_nobody' },
    { path: '/orders/10', token: ada },
    { path: '/a%00b', token: ada },
  ]
  return (nth) => kinds[nth % kinds.length] ?? { path: '/' }
}

/** Streams of events that are opened, read for a while and left, again and again. */
async function streams(rig: Rig, until: () => boolean): Promise<void> {
  const one = async (): Promise<void> => {
    while (!until()) {
      const sent = send(rig.port, { path: '/events', token: rig.tokens.ada })
      sent.on('error', () => undefined)
      sent.on('response', (response) => response.on('error', () => undefined).resume())
      sent.end()
      await sleep(1_000)
      sent.destroy()
    }
  }
  await Promise.all(Array.from({ length: STREAMS }, one))
}

async function sample(rig: Rig, minutes: number, until: () => boolean): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const begun = performance.now()
  while (!until()) {
    const metrics = await rig.metrics()
    const lateMs = (metrics.get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1000
    const mib = (name: string): number => (metrics.get(name) ?? 0) / 1_048_576
    const heapMiB = mib('nodejs_heap_size_used_bytes')
    const externalMiB = mib('nodejs_external_memory_bytes')
    const atMs = performance.now() - begun
    samples.push({ atMs, ...rig.standing(), heapMiB, externalMiB, lateMs })
    await sleep(Math.max(200, (minutes * 60_000) / SAMPLES))
  }
  return samples
}

function mean(samples: readonly Sample[], of: keyof Sample): number {
  return samples.reduce((sum, each) => sum + each[of], 0) / Math.max(1, samples.length)
}

/** Right after a collection: in the first third, and in the last. */
function least(samples: readonly Sample[], of: 'heapMiB' | 'externalMiB'): readonly number[] {
  const third = Math.max(1, Math.floor(samples.length / 3))
  const ends = [samples.slice(0, third), samples.slice(-third)]
  return ends.map((part) => Math.min(...part.map((each) => each[of])))
}

/** Least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const count = Math.max(1, points.length)
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return under === 0 ? 0 : over / under
}

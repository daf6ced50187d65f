// A relaxed route, with the disk as the witness: what its window lets pass, and where it ends.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const RELAXED_RECORDS_MAX = 8
/** Longer than a test takes: what ends a window here is its room. */
const LONG_MS = 60_000

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

type Ask = (path?: string, method?: string) => Promise<Response>

const routes = (record: string): readonly object[] => [
  { name: 'all', path: '/', upstream: 'upstream', record },
  { name: 'strict', path: '/echo/strict', upstream: 'upstream' },
]

async function withGateway(
  run: (gateway: TestGateway, ask: Ask) => Promise<void>,
  relaxedWindowMs = LONG_MS,
): Promise<void> {
  // A machine that is busy with other things sheds nothing here.
  const shedding = { loopLagMs: 60_000, ledgerLagMs: 600_000 }
  const limits = { relaxedRecordsMax: RELAXED_RECORDS_MAX, relaxedWindowMs, ...shedding }
  const gateway = await startGateway({ upstream: upstream.url, routes: routes('relaxed'), limits })
  const headers = { authorization: `Bearer ${gateway.keys.ada}` }
  const ask: Ask = async (path = '/echo', method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { method, headers })
    await response.arrayBuffer()
    return response
  }
  try {
    await run(gateway, ask)
  } finally {
    await gateway.close()
  }
}

function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  return waitFor(holds, undefined, () => what)
}

/** Until every record of what was asked is on the disk. */
function settled(gateway: TestGateway, ends: number): Promise<void> {
  const ended = async (): Promise<boolean> => {
    const records = await gateway.records()
    return records.filter(({ kind }) => kind === 'outcome').length >= ends
  }
  return until(ended, `${ends} outcomes on record`)
}

test('an answer that came before its record was durable names no place, and how to ask later', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    await settled(gateway, 1)
    gateway.gate.close()
    const response = await ask()
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('countersign-receipt'), null)
    const pending = response.headers.get('countersign-receipt-pending') ?? ''
    assert.match(pending, /^"proxy\.example\/log"; request="[0-9a-f-]{36}"; open=:[^:]{24}:$/)
    assert.ok(pending.includes(response.headers.get('x-request-id') ?? 'none'))
    assert.match(response.headers.get('cache-control') ?? '', /Countersign-Receipt-Pending/)
  }))

test('a disk that stands still: at most as many as the window says, the rest waits', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    await settled(gateway, 1)
    const before = (await upstream.received()).count
    gateway.gate.close()
    const asked = Array.from({ length: 20 }, () => ask())
    const reached = async (): Promise<number> => (await upstream.received()).count - before
    await until(async () => (await reached()) > 0, 'a request that does not wait')
    await sleep(200)
    const passed = await reached()
    assert.ok(passed <= RELAXED_RECORDS_MAX, `${passed} passed`)
    gateway.gate.open()
    for (const response of asked) assert.equal((await response).status, 200)
    await settled(gateway, 21)
  }))

test('a window that is over lets nothing pass', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    await settled(gateway, 1)
    gateway.gate.close()
    await sleep(150)
    const before = (await upstream.received()).count
    const answer = ask()
    await sleep(150)
    assert.equal((await upstream.received()).count, before)
    gateway.gate.open()
    assert.equal((await answer).status, 200)
  }, 100))

test('refusals wait for the disk on every route', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    await settled(gateway, 1)
    gateway.gate.close()
    let said = false
    const answer = ask('/echo', 'DELETE').finally(() => {
      said = true
    })
    await sleep(150)
    assert.equal(said, false)
    gateway.gate.open()
    assert.ok((await answer).headers.has('countersign-receipt'))
  }))

test('a strict route beside it is strict', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    const response = await ask('/echo/strict')
    assert.ok(response.headers.has('countersign-receipt'))
    const records = await gateway.records()
    const { exchange } = records.findLast(({ kind }) => kind === 'outcome')?.when ?? {}
    const own = records.filter(({ when }) => when.exchange === exchange)
    assert.deepEqual(
      own.map(({ when }) => when.recording),
      [undefined, undefined],
    )
  }))

test('a route may become strict and relaxed again while it is asked', () =>
  withGateway(async (gateway, ask) => {
    for (let count = 0; count < 5; count += 1) await ask()
    await gateway.replaceRoutes(routes('strict'))
    // What began before ends as it began; what comes now is strict.
    for (let count = 0; count < 5; count += 1) {
      assert.ok((await ask()).headers.has('countersign-receipt'))
    }
    await gateway.replaceRoutes(routes('relaxed'))
    await ask()
    await settled(gateway, 11)
    const windows = (await gateway.records()).filter(({ kind }) => kind === 'window')
    const acts = windows.map(({ what }) => what.act)
    assert.equal(acts[0], 'open')
    assert.equal(acts.filter((act) => act === 'open').length, 2)
    assert.ok(acts.includes('close'))
  }))

test('a full disk fails closed', () =>
  withGateway(async (gateway, ask) => {
    await ask()
    await settled(gateway, 1)
    gateway.disk.setCapacity(gateway.disk.usedBytes)
    let status = 200
    for (let count = 0; count < 500 && status === 200; count += 1) status = (await ask()).status
    assert.equal(status, 503)
    const before = (await upstream.received()).count
    assert.equal((await ask()).status, 503)
    assert.equal((await upstream.received()).count, before)
    gateway.disk.setCapacity(Number.MAX_SAFE_INTEGER)
    await until(async () => (await ask()).status === 200, 'service resumes')
  }))

test('requests accepted are intents, and outcomes, on record and counted', () =>
  withGateway(async (gateway, ask) => {
    const count = 40
    await Promise.all(Array.from({ length: count }, () => ask()))
    await settled(gateway, count)
    const metrics = await gateway.metrics()
    const metric = (name: string): number =>
      metrics
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    const records = await gateway.records()
    const of = (kind: string): number => records.filter((each) => each.kind === kind).length
    assert.deepEqual([of('intent'), of('outcome')], [count, count])
    assert.equal(metric('countersign_requests_accepted_total'), count)
    assert.equal(metric('countersign_intents_total'), count)
    assert.equal(metric('countersign_outcomes_total'), count)
    assert.ok(records.some(({ when }) => when.recording === 'relaxed'))
  }))

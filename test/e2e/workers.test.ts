// Two workers, one ledger: what holds of one process holds of three, and one that is killed takes
// nothing with it.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { containUnderLoad } from '../approval/contain-under-load.ts'
import { reloadUnderLoad } from '../config/reload-under-load.ts'
import { waitFor } from '../demo-process.ts'
import {
  type GatewayLife,
  type ScratchGateway,
  scratchGateway,
  workersOf,
} from '../faults/scratch-gateway.ts'
import { assertEnds, Receipts, wholeLedger } from '../faults/whole-ledger.ts'

const CALLERS = 32
const KILLS = Number(process.env.KILLS ?? 3)
const ANSWERS_BETWEEN = 300
const QUOTA = 150
/** However busy the machine is. */
const COMES_BACK_MS_MAX = 120_000

const directories: string[] = []
let scratch: ScratchGateway
let counted: ScratchGateway
before(async () => {
  scratch = await twoWorkers(`{ key: principal, limit: 1000000, window: 31d, concurrency: 1000 }`)
  counted = await twoWorkers(`{ key: principal, limit: ${QUOTA}, window: 31d }`)
})
after(async () => {
  for (const each of [scratch, counted]) await each.close()
  for (const directory of directories) await rm(directory, { recursive: true })
})

async function twoWorkers(quota: string): Promise<ScratchGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-workers-'))
  directories.push(directory)
  const file = `workers: 2\nquotas: { some: ${quota} }\n`
  const more = { file, route: ', quotas: [some]' }
  return scratchGateway(directory, join(directory, 'data'), undefined, 'strict', more)
}

const receipts = new Receipts()
const statuses = new Map<number | string, number>()

function count(status: number | string): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1)
}

/** One connection that is kept; another one where it was cut. */
async function callUntil(isOver: () => boolean, url: string, token: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  while (!isOver()) await call(agent, `${url}/orders/7`, token)
  agent.destroy()
}

function call(agent: Agent, url: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` }
  return new Promise((resolve) => {
    const failed = (): void => {
      count('cut')
      resolve()
    }
    const asked = request(url, { agent, headers }, (answer) => {
      answer.resume()
      answer.on('error', failed)
      answer.on('end', () => {
        count(answer.statusCode ?? 0)
        const header = answer.headers['countersign-receipt']
        if (typeof header === 'string') receipts.note(header)
        resolve()
      })
    })
    asked.on('error', failed)
    asked.end()
  })
}

async function metric(life: GatewayLife, name: string): Promise<number> {
  const admin = life.addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length)
  const headers = { authorization: `Bearer ${scratch.token}` }
  const text = await (await fetch(`${admin}/metrics`, { headers })).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? Number.NaN)
}

test('a worker that is killed under load takes nothing with it', async (context) => {
  const life = await scratch.start()
  let isOver = false
  const callers = Array.from({ length: CALLERS }, () => {
    return callUntil(() => isOver, life.url, scratch.token)
  })
  context.after(() => {
    isOver = true
    life.process.kill('SIGKILL')
  })
  const answered = (): number => statuses.get(200) ?? 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    const until = answered() + ANSWERS_BETWEEN
    await waitFor(() => answered() >= until)
    const [one = 0] = (await workersOf(life)).toSorted((a, b) => a - b)
    process.kill(one, 'SIGKILL')
    await waitFor(async () => !(await workersOf(life)).includes(one))
    const soon = answered() + ANSWERS_BETWEEN / 4
    await waitFor(() => answered() >= soon) // the other one goes on
    const serving = 'countersign_workers_serving'
    await waitFor(async () => (await metric(life, serving)) === 2, COMES_BACK_MS_MAX)
  }
  for (const nth of [1, 2]) {
    const served = await metric(life, `countersign_worker_requests_total{worker="${nth}"}`)
    assert.ok(served > 0, `worker ${nth} serves`)
  }
  assert.equal(await metric(life, 'countersign_workers_lost_total'), KILLS)
  isOver = true
  await Promise.all(callers)
  assert.deepEqual(new Set(statuses.keys()), new Set([200, 'cut']))
  const reached = (await scratch.received()).ids
  assert.equal(await life.stop('SIGTERM'), 0)
  const ends = await judge(reached)
  assert.equal(ends.lost, KILLS)
  assert.ok(ends.interrupted > 0, 'something was under way')
  context.diagnostic(
    `${statuses.get(200)} answers, ${statuses.get('cut')} cut, ${ends.interrupted} interrupted, \
${ends.size} entries`,
  )
})

/** The ledger verifies, and holds an intent and one end for whatever reached the upstream. */
async function judge(reached: readonly string[]) {
  const records = await wholeLedger(scratch.data)
  const { interrupted } = assertEnds(records, reached)
  assert.equal(new Set(records.map(({ incarnation }) => incarnation)).size, 1, 'one life of all')
  await receipts.assertIn(scratch.data, records.length)
  return {
    size: records.length,
    interrupted,
    lost: records.filter(({ act }) => act === 'worker-lost').length,
  }
}

test('a quota is exact, whoever of them counts', async () => {
  const life = await counted.start()
  statuses.clear()
  const answered = (): number => (statuses.get(200) ?? 0) + (statuses.get(429) ?? 0)
  const isOver = (): boolean => answered() >= 4 * QUOTA
  const callers = Array.from({ length: CALLERS }, () => {
    return callUntil(isOver, life.url, counted.token)
  })
  await Promise.all(callers)
  assert.equal(statuses.get(200), QUOTA)
  assert.equal(await life.stop('SIGTERM'), 0)
})

test('a quarantine is in force in both within a second, streams included', async () => {
  const kinds = ['principal', 'route'] as const
  const plan = { perSecond: 100, streams: 20, watchMs: 2000, kinds, workers: 2 }
  const { lastMs } = await containUnderLoad(plan)
  for (const kind of kinds) assert.ok((lastMs[kind] ?? Number.NaN) < 1000, kind)
})

test('a change comes into force in both, or in none', async () => {
  const plan = { seconds: 8, perSecond: 100, changes: 5, invalid: [2, 4], workers: 2 }
  const { failed, byVersion } = await reloadUnderLoad(plan)
  assert.deepEqual(failed, [])
  assert.equal(byVersion.size, 4)
})

// L11: three times as much as the gateway can do. It refuses early what it cannot do in time, so
// that what it lets in is served; health is answered meanwhile; and every request is accounted for.
import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { allRecords, scratchGateway } from '../faults/scratch-gateway.ts'
import { run } from '../run-cli.ts'
import type { Answered, Offered } from './overload-load.ts'

const SECONDS = Number(process.env.SECONDS ?? 2)
/** As many callers as fit at once while the peak is looked for; far more come later. */
const PEAK = { connections: 32, perSecond: 100_000 }
const CROWD = 2048
const TIMES = 3
/** Below the default, so that any machine gets there. */
const LOOP_LAG_MS = 20

function offer(load: ChildProcess, offered: Offered): Promise<Answered> {
  load.send(offered)
  return new Promise((resolve) => load.once('message', (answer) => resolve(answer as Answered)))
}

/** Where there is more than one, the gateway has a core of its own: only then figures mean much. */
function pin(process: ChildProcess, core: number): void {
  if (availableParallelism() < 2) return
  spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(process.pid)])
}

class Health {
  slowestMs = 0
  count = 0
  failed = 0
  #isOver = false
  readonly #done: Promise<void>

  constructor(url: string) {
    this.#done = this.#watch(url)
  }

  async #watch(url: string): Promise<void> {
    while (!this.#isOver) {
      const fromMs = performance.now()
      const answer = await fetch(url).catch(() => undefined)
      await answer?.body?.cancel()
      this.count += 1
      if (answer?.status !== 200) this.failed += 1
      this.slowestMs = Math.max(this.slowestMs, performance.now() - fromMs)
      await sleep(50)
    }
  }

  end(): Promise<void> {
    this.#isOver = true
    return this.#done
  }
}

/** The sum of all series of one metric that carry every label given. */
function sumOf(metrics: string, name: string, label = ''): number {
  const lines = metrics.split('\n').filter((line) => {
    return (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label)
  })
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

test('L11 beyond its capacity it refuses early, serves on, and recovers', async (context) => {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-overload-'))
  const scratch = await scratchGateway(directory, join(directory, 'data'))
  const load = fork(join(import.meta.dirname, 'overload-load.ts'))
  context.after(async () => {
    load.kill()
    await scratch.close()
    await rm(directory, { recursive: true })
  })
  const upstreamPort = await new Promise<number>((resolve) => {
    load.once('message', (said) => resolve(said as number))
  })
  const config = join(directory, 'countersign.yaml')
  const text = (await readFile(config, 'utf8'))
    .replace(/(upstreams:\s+orders: .*127\.0\.0\.1:)\d+/, `$1${upstreamPort}`)
    .replace('loopLagMs: 60000', `loopLagMs: ${LOOP_LAG_MS}`)
  await writeFile(config, text)
  const life = await scratch.start()
  context.after(() => life.process.kill('SIGKILL'))
  pin(life.process, 0)
  pin(load, 1)
  const admin = life.addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length)
  const port = Number(new URL(life.url).port)
  const bearer = `Authorization: Bearer ${scratch.token}`
  const head = `GET /orders/1 HTTP/1.1\r\nHost: x\r\n${bearer}\r\n\r\n`
  const all: Answered[] = []
  const offered = async (part: Pick<Offered, 'connections' | 'perSecond'>): Promise<Answered> => {
    const answered = await offer(load, { port, head, seconds: SECONDS, ...part })
    all.push(answered)
    return answered
  }
  const served = ({ statuses, tookSeconds }: Answered): number => {
    return Math.round((statuses['200'] ?? 0) / tookSeconds)
  }

  await offered(PEAK)
  const peak = served(await offered(PEAK))
  const health = new Health(`${admin}/healthz`)
  const beyond = await offered({ connections: CROWD, perSecond: TIMES * peak })
  await health.end()
  const after = await offered({ connections: CROWD, perSecond: Math.ceil(peak / 10) })
  const metrics = await (
    await fetch(`${admin}/metrics`, { headers: { authorization: `Bearer ${scratch.token}` } })
  ).text()
  assert.equal(await life.stop('SIGTERM'), 0)

  const shed = beyond.statuses['503'] ?? 0
  context.diagnostic(
    `peak ${peak}/s; offered ${TIMES * peak}/s: served ${served(beyond)}/s ` +
      `(${Math.round((served(beyond) / peak) * 100)} % of the peak), p50 ${beyond.p50Ms} ms, ` +
      `p99 ${beyond.p99Ms} ms; refused ${Math.round(shed / beyond.tookSeconds)}/s, ` +
      `not offered ${Math.round(beyond.unsent / beyond.tookSeconds)}/s; ` +
      `health ${health.count} times, the slowest ${Math.round(health.slowestMs)} ms`,
  )
  assert.ok(shed > 0, 'refused')
  assert.equal(beyond.retryAfter, shed)
  assert.ok((beyond.statuses['200'] ?? 0) > 0, 'and served')
  assert.equal(health.failed, 0)
  assert.ok((after.statuses['200'] ?? 0) > 0, 'served again')
  await assertIdentity()

  async function assertIdentity(): Promise<void> {
    const told = (status: string): number =>
      all.reduce((sum, { statuses }) => sum + (statuses[status] ?? 0), 0)
    const verified = await run(['verify', scratch.data, '--no-memory', '--json'])
    assert.equal(verified.exit, 0, verified.out + verified.err)
    const { size } = JSON.parse(verified.out) as { size: number }
    const records = await allRecords(scratch.data, life.origin, size)
    const count = (kind: string): number => records.filter((each) => each.kind === kind).length
    const closed = records.filter(({ act }) => act === 'close')
    const folded = closed.reduce((sum, { count = 0 }) => sum + count, 0)
    const refused = count('refusal') + folded
    // Some of the first ones were let in before there were too many: the upstream had no room.
    const intents = count('intent')
    const answered = told('200') + told('503')
    assert.equal(told('broken'), 0)
    assert.ok(refused > 0 && intents >= told('200'))
    assert.equal(intents + refused, answered)
    assert.equal(count('outcome'), intents)
    assert.equal(sumOf(metrics, 'countersign_requests_accepted_total'), answered)
    assert.equal(sumOf(metrics, 'countersign_intents_total'), intents)
    assert.equal(sumOf(metrics, 'countersign_refusals_total'), refused)
  }
})

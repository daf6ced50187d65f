// Clients that cost much and give little, and bodies without end: others are served, memory and
// descriptors come back, and every request that was taken has its records.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { layOut, newKey } from '../laid-out.ts'
import { Load } from '../proxy/load.ts'
import { startUpstream, type UpstreamProcess } from '../proxy/upstream.ts'
import { type Recorded, readExchanges } from './desync/records.ts'

/** 10 is what the acceptance names: 1 GB, 10,000 connections, 10,000 aborts. */
const SCALE = Number(process.env.SCALE ?? 1)
const MIB = 1_048_576
const QUIET_MS = 500
/** A machine that does other things too sheds nothing here. */
const CALM = 'loopLagMs: 60000, ledgerLagMs: 600000'

interface Life extends GatewayLife {
  readonly port: number
  readonly token: string
  rssBytes(): number
  descriptors(): number
  /** Stops it: what is on record, and what was counted. */
  end(): Promise<{ readonly records: readonly Recorded[]; readonly accepted: number }>
}

async function live(t: TestContext, limits: string): Promise<Life> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-hostile-'))
  const upstream = await startUpstream()
  const config = await layOut(directory, configuration(upstream, limits))
  const token = await newKey(config, 'ada')
  const life = await startLife(config)
  const { pid = 0 } = life.process
  t.after(async () => {
    life.process.kill('SIGKILL')
    await upstream.close()
    await rm(directory, { recursive: true })
  })
  const admin = life.addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length)
  return {
    ...life,
    port: Number(new URL(life.url).port),
    token,
    rssBytes: () => Number(/VmRSS:\s+(\d+)/.exec(procFile(pid, 'status'))?.[1]) * 1024,
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    end: async () => {
      const headers = { authorization: `Bearer ${token}` }
      const counted = async (): Promise<{ accepted: number; isQuiet: boolean }> => {
        const answer = await fetch(new URL('/metrics', admin), { headers })
        const metrics = await answer.text()
        const series = metrics.matchAll(/^countersign_requests_accepted_total\S* (\d+)/gm)
        const accepted = [...series].reduce((sum, [, count]) => sum + Number(count), 0)
        return { accepted, isQuiet: /^http_server_active_requests 0$/m.test(metrics) }
      }
      // Whatever waited to be read is read by now: it counts no further, and nothing goes on.
      let accepted = -1
      await waitFor(async () => {
        const before = accepted
        const now = await counted()
        accepted = now.accepted
        await sleep(QUIET_MS)
        return now.isQuiet && accepted === before
      })
      assert.equal(await life.stop('SIGTERM'), 0)
      return { records: await readExchanges(join(directory, 'data')), accepted }
    },
  }
}

function procFile(pid: number, name: string): string {
  return readFileSync(`/proc/${pid}/${name}`, 'utf8')
}

function configuration(upstream: UpstreamProcess, limits: string): string {
  return `version: 1
gateway: hostile
origin: countersign.test
data: data
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0, roles: { viewer: [{ principal: ada }] } }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
limits: { refusalsPerSecondMax: 100000, refusalsWholeMax: 1000, ${CALM}, ${limits} }
upstreams:
  echo: { url: "${upstream.url}", connectionsMax: 2000 }
routes:
  - { name: all, path: /, upstream: echo, headers: [] }
`
}

/** How many were refused without a record, before one was served. */
async function untilServed({ port, token }: Life): Promise<number> {
  const load = new Load(port, token)
  let unrecorded = 0
  await waitFor(async () => {
    const { status, body } = await load.ask('/bytes/10')
    if (status === 200) return true
    assert.match(body, /"reason":"(ledger-unavailable|outcome-unrecorded)"/)
    if (body.includes('"ledger-unavailable"')) unrecorded += 1
    return false
  })
  load.close()
  return unrecorded
}

/** Accepted is intents and refusals, and every intent has its outcome. */
async function assertIdentity(t: TestContext, life: Life, unrecorded = 0): Promise<void> {
  const { records, accepted } = await life.end()
  const intents = records.filter(({ kind }) => kind === 'intent')
  const outcomes = intents.filter(({ outcome }) => outcome !== undefined)
  const refusals = records.length - intents.length
  const told = `${intents.length} intents + ${refusals} refusals + ${unrecorded} unrecorded`
  t.diagnostic(`accepted ${accepted} = ${told}`)
  assert.equal(accepted, intents.length + refusals + unrecorded, told)
  assert.equal(outcomes.length, intents.length)
}

function open(port: number, nth = 0): Socket {
  const localAddress = `127.0.${1 + Math.floor(nth / 1000)}.1`
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  return socket.on('error', () => undefined)
}

/** Milliseconds of requests by somebody else, one after the other: the 99th percentile. */
async function otherP99Ms({ port, token }: Life, count: number): Promise<number> {
  const load = new Load(port, token)
  const times: number[] = []
  for (let nth = 0; nth < count; nth += 1) {
    const begun = performance.now()
    assert.equal((await load.ask('/bytes/10')).status, 200)
    times.push(performance.now() - begun)
  }
  load.close()
  return Math.round(times.toSorted((a, b) => a - b)[Math.floor(count * 0.99)] ?? 0)
}

test('H107, H108 a thousand slow heads and slow bodies: 408, others are served', async (t) => {
  const life = await live(t, 'headMs: 3000, bodyIdleMs: 1000, bodyBytesPerSecondMin: 100')
  const alone = await otherP99Ms(life, 200)
  const key = `Authorization: Bearer ${life.token}`
  const begun = performance.now()
  const ends = Array.from({ length: 1000 }, async (_, nth) => {
    const socket = open(life.port, nth)
    let text = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    const isHead = nth % 2 === 0
    const head = 'POST /echo HTTP/1.1\r\nHost: x\r\n'
    socket.write(isHead ? head : `${head}${key}\r\nContent-Length: 10000\r\n\r\n`)
    const drip = setInterval(() => socket.write('a'), 500)
    await once(socket, 'close')
    clearInterval(drip)
    return text.slice(0, 12)
  })
  const among = await otherP99Ms(life, 200)
  const said = Map.groupBy(await Promise.all(ends), (each) => each)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  t.diagnostic(`others' p99 ${alone} ms alone, ${among} ms among them; all let go in ${seconds} s`)
  assert.deepEqual([...said.keys()], ['HTTP/1.1 408'])
  await assertIdentity(t, life)
})

test('H109 idle connections cost little, and descriptors that run out are no end', async (t) => {
  const life = await live(t, 'connectionsMax: 20000')
  const before = life.rssBytes()
  const count = Math.min(9000, 1000 * SCALE)
  const sockets = Array.from({ length: count }, (_, nth) => open(life.port, nth))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  await otherP99Ms(life, 50)
  const grown = (life.rssBytes() - before) / MIB
  const each = Math.round((grown * 1024) / count)
  t.diagnostic(`${count} idle: ${Math.round(life.rssBytes() / MIB)} MiB, ${each} KiB each`)
  assert.ok(life.rssBytes() < 500 * MIB, `${Math.round(life.rssBytes() / MIB)} MiB`)
  for (const socket of sockets) socket.destroy()
  await waitFor(
    () => life.descriptors() <= 200,
    undefined,
    () => `${life.descriptors()} are open`,
  )

  const limit = life.descriptors() + 40
  const { pid = 0 } = life.process
  assert.equal(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:20000`]).status, 0)
  const many = Array.from({ length: 300 }, (_, nth) => open(life.port, nth))
  await sleep(500)
  for (const socket of many) socket.destroy()
  // Those that waited to be accepted are accepted and gone one by one.
  await sleep(1000)
  const areGone = (): boolean => life.descriptors() <= limit - 25
  await waitFor(areGone, undefined, () => `${life.descriptors()} of ${limit} are open`)
  assert.equal(life.process.exitCode, null)
  spawnSync('prlimit', ['--pid', String(pid), '--nofile=20000:20000'])
  // The ledger may have wanted a descriptor as well: then it had to begin anew.
  const unrecorded = await untilServed(life)
  t.diagnostic(
    `limit of ${limit} descriptors reached; p99 after it ${await otherP99Ms(life, 50)} ms`,
  )
  await assertIdentity(t, life, unrecorded)
})

test('H110 aborts at any moment leave nothing behind', async (t) => {
  const life = await live(t, 'bodyIdleMs: 2000')
  await otherP99Ms(life, 50)
  const [descriptors, rss] = [life.descriptors(), life.rssBytes()]
  const key = `Authorization: Bearer ${life.token}`
  const heads = ['GET /bytes/100000', 'POST /echo', 'GET /hang', 'GET /chunks/20/1000/5', 'BAD']
  const total = 1000 * SCALE
  let nth = 0
  const client = async (): Promise<void> => {
    while (nth < total) {
      const mine = nth
      nth += 1
      const socket = open(life.port, mine * 2)
      socket.resume()
      const line = `${heads[mine % heads.length]} HTTP/1.1\r\nHost: x\r\n${key}\r\n`
      const length = mine % heads.length === 1 ? 'Content-Length: 1000\r\n' : ''
      const bytes = `${line}${length}\r\nabc`
      await once(socket, 'connect')
      const isWhole = mine % 4 !== 0
      socket.write(isWhole ? bytes : bytes.slice(0, 1 + ((mine * 7) % bytes.length)))
      await sleep(mine % 12)
      if (mine % 3 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
  }
  await Promise.all(Array.from({ length: 20 }, client))
  // Connections are accepted in order: those before these are all in.
  await otherP99Ms(life, 20)
  const areGone = (): boolean => life.descriptors() <= descriptors + 70
  await waitFor(areGone, undefined, () => `${life.descriptors()} of ${descriptors} are open`)
  const grown = (life.rssBytes() - rss) / MIB
  t.diagnostic(`${total} aborts: ${Math.round(grown)} MiB, descriptors ${life.descriptors()}`)
  await assertIdentity(t, life)
})

function streamed(life: Life, bytes: number, way: 'up' | 'down'): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const path = way === 'down' ? `/bytes/${bytes}` : '/echo'
  const headers = { authorization: `Bearer ${life.token}` }
  const options = { host: '127.0.0.1', port: life.port, path, headers }
  const sent = request({ ...options, method: way === 'down' ? 'GET' : 'POST' }, (response) => {
    let seen = 0
    let text = ''
    response.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (way === 'up') text += String(chunk)
    })
    response.on('end', () => {
      resolve(way === 'down' ? seen : (JSON.parse(text) as { bytes: number }).bytes)
    })
  })
  sent.on('error', reject)
  if (way === 'down') {
    sent.end()
    return promise
  }
  const chunk = Buffer.alloc(MIB, 'u')
  let left = bytes
  const write = (): void => {
    while (left > 0) {
      left -= chunk.length
      if (!sent.write(chunk)) return void sent.once('drain', write)
    }
    sent.end()
  }
  write()
  return promise
}

/** How many MiB more than before were resident at most, while so many bytes went through. */
async function growth(
  t: TestContext,
  life: Life,
  { bytes, way }: { readonly bytes: number; readonly way: 'up' | 'down' },
): Promise<number> {
  const before = life.rssBytes()
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, life.rssBytes())
  }, 50)
  const begun = performance.now()
  assert.equal(await streamed(life, bytes, way), bytes)
  clearInterval(timer)
  const rate = Math.round(bytes / MIB / ((performance.now() - begun) / 1000))
  const grown = Math.round((most - before) / MIB)
  t.diagnostic(`${rate} MiB/s; ${Math.round(before / MIB)} MiB, at most ${grown} MiB more`)
  return grown
}

const MORE_MIB_MAX = 50
const GOES_MAX = 3
/** By then the runtime is fitted to a process that has started: garbage may wait for longer. */
const FITTED_MS = 16_000

for (const way of ['down', 'up'] as const) {
  const bytes = 100 * SCALE * MIB
  test(`L5 ${bytes / MIB} MiB ${way}: memory stays within 50 MiB`, async (t) => {
    const life = await live(t, `bodyBytesMax: ${2 ** 40}`)
    await sleep(FITTED_MS)
    // What it needs to stream at all is not growth.
    await streamed(life, 60 * MIB, way)
    // When garbage is collected is a matter of luck; what is kept is kept every time.
    const grown: number[] = []
    while (grown.length < GOES_MAX && (grown.at(-1) ?? MORE_MIB_MAX + 1) > MORE_MIB_MAX) {
      grown.push(await growth(t, life, { bytes, way }))
    }
    assert.ok((grown.at(-1) ?? 0) <= MORE_MIB_MAX, `${grown.join(', ')} MiB more`)
    await assertIdentity(t, life)
  })
}

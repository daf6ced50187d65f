// Captured bodies where the process is killed, and where their disk is full.
import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { bodyFiles, captureGateway, records, verified } from '../capture-gateway.ts'
import { waitFor } from '../demo-process.ts'
import { workersOf } from './scratch-gateway.ts'
import { NO_SMALL_VOLUME, smallVolume } from './small-volume.ts'

const LIVES = 3
const CALLERS = 8
/** However busy the machine is. */
const WAIT_MS_MAX = 120_000

interface Answer {
  readonly status: number
  readonly reason?: string
}

async function post(url: string, token: string, body: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }
  const response = await fetch(`${url}/all`, { method: 'POST', headers, body })
  const text = await response.text()
  if (response.status === 200) return { status: 200 }
  return { status: response.status, reason: (JSON.parse(text) as { reason: string }).reason }
}

for (const workers of [1, 2]) {
  const name = 'kill -9 leaves no body that is missing, and none that no record names'
  test(`${name}, workers: ${workers}`, { timeout: 600_000 }, () => killed(workers))
}

async function killed(workers: number): Promise<void> {
  const routes = { all: "types: ['text/*'], beforeBytesMax: 2000" }
  const gateway = await captureGateway(routes, { workers })
  let served = 0
  try {
    for (let nth = 0; nth < LIVES; nth += 1) {
      const life = await gateway.start()
      const until = served + 10 * (nth + 1)
      let isDead = false
      const caller = async (): Promise<void> => {
        while (!isDead) {
          // Some are named by their intent, some by their outcome.
          const body = 'b'.repeat(served % 2 === 0 ? 100 : 5000)
          const answer = await post(life.url, gateway.token, body).catch(() => undefined)
          if (answer?.status === 200) served += 1
        }
      }
      const callers = Array.from({ length: CALLERS }, caller)
      await waitFor(
        () => served >= until,
        WAIT_MS_MAX,
        () => `${served} served: ${life.errors()}`,
      )
      await life.stop('SIGKILL')
      isDead = true
      await Promise.all(callers)
    }
    const incoming = join(gateway.data, 'bodies', 'incoming')
    const last = await gateway.start()
    // What it finds out of them it finds out from its ledger, beside its other work.
    const left = (): Promise<string[]> => readdir(incoming)
    const told = async () => `${(await left()).join()}: ${last.errors()}`
    await waitFor(async () => (await left()).length === 0, WAIT_MS_MAX, told)
    await last.stop('SIGTERM')
    const { exit, bad, notChecked } = await verified(gateway.data)
    assert.deepEqual([exit, bad, notChecked], [0, [], []])
    const kept = (await bodyFiles(gateway.data)).length
    assert.ok(kept >= served, `${kept} bodies of ${served} that were served`)
  } finally {
    await gateway.close()
  }
}

test('a worker that is killed leaves no body that no record names, and the others go on', {
  timeout: 600_000,
}, async () => {
  const routes = { all: "types: ['text/*'], redact: { credentials: false }" }
  const gateway = await captureGateway(routes, { workers: 2 })
  try {
    const life = await gateway.start()
    assert.deepEqual(await post(life.url, gateway.token, 'before'), { status: 200 })
    const incoming = join(gateway.data, 'bodies', 'incoming')
    // Bodies that never end, a chunk of each on the disk: both workers have some.
    const gone = new AbortController()
    const bodies = Array.from({ length: CALLERS }, () => endless(life.url, gateway.token, gone))
    await waitFor(async () => (await readdir(incoming)).length >= CALLERS, WAIT_MS_MAX)
    const [one = 0, ...others] = await workersOf(life)
    process.kill(one, 'SIGKILL')
    await waitFor(async () => {
      const now = await workersOf(life)
      return now.length === 2 && !now.includes(one)
    }, WAIT_MS_MAX)
    assert.ok(others.every((pid) => process.kill(pid, 0)))
    gone.abort()
    await Promise.all(bodies)
    const told = async () => `${(await readdir(incoming)).join()}: ${life.errors()}`
    await waitFor(async () => (await readdir(incoming)).length === 0, WAIT_MS_MAX, told)
    assert.deepEqual(await post(life.url, gateway.token, 'after'), { status: 200 })
    assert.equal(await life.stop('SIGTERM'), 0)
    const { exit, bad, notChecked } = await verified(gateway.data)
    assert.deepEqual([exit, bad, notChecked], [0, [], []])
  } finally {
    await gateway.close()
  }
})

/** A request whose body goes on until `gone`; resolves when it is cut. */
async function endless(url: string, token: string, gone: AbortController): Promise<void> {
  const piece = Buffer.alloc(50_000, 'x')
  const body = new ReadableStream({
    pull: async (controller) => {
      if (gone.signal.aborted) return controller.close()
      controller.enqueue(piece)
      await new Promise((resolve) => setTimeout(resolve, 50))
    },
  })
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }
  const init = { method: 'POST', headers, body, duplex: 'half', signal: gone.signal } as const
  await fetch(`${url}/all`, init).then(
    async (response) => void (await response.text().catch(() => '')),
    () => undefined, // It is cut: that is what this test is about.
  )
}

const skip = NO_SMALL_VOLUME

test('where bodies cannot be kept nothing goes on, until there is room again', {
  skip,
  timeout: 600_000,
}, async () => {
  const small = await smallVolume(1, 'data/bodies')
  const data = join(small.directory, 'data')
  const gateway = await captureGateway({ all: "types: ['text/*']" }, { data })
  try {
    const life = await gateway.start()
    assert.deepEqual(await post(life.url, gateway.token, 'before'), { status: 200 })
    const ballast = join(small.path, 'incoming', `${'0'.repeat(32)}.tmp`)
    await writeFile(ballast, Buffer.alloc(1 << 20)).catch(() => undefined)
    const received = gateway.received()
    const refused = await post(life.url, gateway.token, 'while it is full')
    assert.deepEqual(refused, { status: 503, reason: 'capture-unavailable' })
    assert.equal(gateway.received(), received, 'nothing reached the upstream')
    await rm(ballast)
    assert.deepEqual(await post(life.url, gateway.token, 'after'), { status: 200 })
    assert.equal(await life.stop('SIGTERM'), 0)
    const { exit, bad, notChecked } = await verified(data)
    assert.deepEqual([exit, bad, notChecked], [0, [], []])
    const refusal = (await records(data)).find(({ kind }) => kind === 'refusal')
    assert.equal(refusal?.what.body?.uncaptured, 'failed')
    for (const file of await bodyFiles(data)) assert.ok((await readFile(file)).length > 0)
  } finally {
    await gateway.close()
    await small.close()
  }
})

// Captured bodies where the process is killed, and where their disk is full.
import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { bodyFiles, captureGateway, records, verified } from '../capture-gateway.ts'
import { waitFor } from '../demo-process.ts'
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

test('kill -9 leaves no body that is missing, and none that no record names', {
  timeout: 600_000,
}, async () => {
  const gateway = await captureGateway({ all: "types: ['text/*'], beforeBytesMax: 2000" })
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
})

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

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { GIVES_WAY_BY } from './give-way.ts'

const THREAD = `
  import { readlinkSync } from 'node:fs'
  import { getPriority } from 'node:os'
  import { parentPort } from 'node:worker_threads'
  import { giveWay } from ${JSON.stringify(import.meta.resolve('./give-way.ts'))}
  giveWay()
  const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  parentPort.postMessage(getPriority(id))`

const isLinux = process.platform === 'linux'

test('a thread that gives way leaves the others as they are', { skip: !isLinux }, async () => {
  const before = getPriority()
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`))
  const [priority] = await once(worker, 'message')
  assert.equal(priority, Math.min(19, before + GIVES_WAY_BY))
  assert.equal(getPriority(), before)
})

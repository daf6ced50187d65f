// What anybody can cause as fast as they can send is bounded, and counted to the last one.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { startGateway } from './gateway.ts'
import { sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

const NOISE = 'NOISE\r\n\r\n'
const SENT = 40
const RECORDED = 5

test('beyond a rate unreadable requests are counted in a fold that is durable first', async (t) => {
  const limits = { refusalsPerSecondMax: RECORDED, foldMs: 1500 }
  const gateway = await startGateway({ upstream: upstream.url, limits })
  t.after(gateway.close)
  const answers = await Promise.all(
    Array.from({ length: SENT }, () => sendRaw(gateway.port, NOISE)),
  )
  assert.ok(answers.every((text) => text.startsWith('HTTP/1.1 400')))
  const receipts = answers.filter((text) => text.includes('countersign-receipt'))
  const open = await gateway.exchanges()
  assert.equal(open.filter(({ kind }) => kind === 'refusal').length, receipts.length)
  assert.ok(receipts.length < SENT, 'some were folded')
  const opening = open.find(({ kind }) => kind === 'fold')
  assert.deepEqual([opening?.what.act, opening?.what.reason], ['open', 'malformed-request'])

  await gateway.close()
  const folds = (await gateway.exchanges()).filter(({ kind }) => kind === 'fold')
  const closed = folds.filter(({ what }) => what.act === 'close')
  const counted = closed.reduce((sum, { what }) => sum + (what.count ?? 0), 0)
  assert.equal(counted + receipts.length, SENT, 'every one is in the ledger')
  assert.deepEqual([folds.at(0)?.what.act, folds.at(-1)?.what.act], ['open', 'close'])
})

test('decisions about somebody who is known are never folded', async (t) => {
  const limits = { refusalsPerSecondMax: 0 }
  const gateway = await startGateway({ upstream: upstream.url, limits })
  t.after(gateway.close)
  const head = `DELETE /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys.ada}\r\n`
  const request = `${head}Connection: close\r\n\r\n`
  await Promise.all(Array.from({ length: 20 }, () => sendRaw(gateway.port, request)))
  const kinds = (await gateway.exchanges()).map(({ kind }) => kind)
  assert.deepEqual(kinds, Array(20).fill('refusal'))
})

test('where the opening of a fold cannot be written: ledger-unavailable', async (t) => {
  const gateway = await startGateway({
    upstream: upstream.url,
    limits: { refusalsPerSecondMax: 0 },
  })
  t.after(gateway.close)
  gateway.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
  assert.match(await sendRaw(gateway.port, NOISE), /^HTTP\/1\.1 503 .*ledger-unavailable/s)
  await waitFor(async () => (await gateway.exchanges()).some(({ kind }) => kind === 'gap'))
  assert.match(await sendRaw(gateway.port, NOISE), /^HTTP\/1\.1 400/)
  await gateway.close()
  const records = await gateway.exchanges()
  assert.equal(records.find(({ kind }) => kind === 'gap')?.what.unrecorded, 1)
})

test('H109 connections beyond the limit are dropped, and on record', async (t) => {
  const gateway = await startGateway({ upstream: upstream.url, limits: { connectionsMax: 2 } })
  t.after(gateway.close)
  const kept = [connect(gateway.port, '127.0.0.1'), connect(gateway.port, '127.0.0.1')]
  await Promise.all(kept.map((socket) => once(socket, 'connect')))
  await sleep(50)
  assert.equal(await sendRaw(gateway.port, NOISE), '')
  for (const socket of kept) socket.destroy()
  await waitFor(async () => (await gateway.exchanges()).length > 0)
  const [refusal] = await gateway.exchanges()
  assert.deepEqual([refusal?.kind, refusal?.why.reason], ['refusal', 'overloaded'])
})

test('pipelined requests beyond the limit: one refusal, in order, and the end', async (t) => {
  const gateway = await startGateway({ upstream: upstream.url, limits: { pipelinedMax: 4 } })
  t.after(gateway.close)
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  const request = `GET /bytes/1 HTTP/1.1\r\nHost: x\r\n${key}\r\n\r\n`
  const text = await sendRaw(gateway.port, request.repeat(300), { isAll: () => false })
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '200', '200', '200', '503'],
  )
  const kinds = (await gateway.exchanges()).map(({ kind }) => kind)
  assert.deepEqual(kinds.toSorted(), [
    ...Array(4).fill('intent'),
    ...Array(4).fill('outcome'),
    'refusal',
  ])
})

test('a client that pipelines without end is cut off', async (t) => {
  const gateway = await startGateway({ upstream: upstream.url, limits: { pipelinedMax: 4 } })
  t.after(gateway.close)
  const request = 'GET /hang HTTP/1.1\r\nHost: x\r\n\r\n'
  await sendRaw(gateway.port, request.repeat(20_000), { isAll: () => false })
  assert.ok((await gateway.exchanges()).length <= 5)
})

test('H107 heads that never end are closed in time, and others are served meanwhile', async (t) => {
  const limits = { headMs: 1000 }
  const gateway = await startGateway({ upstream: upstream.url, limits })
  t.after(gateway.close)
  const slow = Array.from({ length: 50 }, () => connect(gateway.port, '127.0.0.1'))
  const closed = slow.map(async (socket) => {
    socket.on('data', () => undefined).on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nX: ')
    await once(socket, 'close')
  })
  const response = await fetch(`http://127.0.0.1:${gateway.port}/echo`, {
    headers: { authorization: `Bearer ${gateway.keys.ada}` },
  })
  assert.equal(response.status, 200)
  await Promise.all(closed)
  await gateway.close()
  const refusals = (await gateway.exchanges()).filter(({ kind }) => kind === 'refusal')
  assert.equal(refusals.filter(({ how }) => how.status === 408).length, 50)
})

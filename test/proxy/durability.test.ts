// The first three promises, with the disk as the witness: record before forward, record before
// release, fail closed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { REASONS } from '@countersign/evidence'
import { waitFor } from '../demo-process.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
/**
 * On the way to the upstream, in this process as the gateway is: what a test does when a request
 * has come so far is done after its intent, and before any outcome.
 */
let between: Server
let onReached: () => void = () => undefined
/** All that the upstream has to say has been sent on to the gateway. */
let allSaid: Promise<void> = Promise.resolve()

before(async () => {
  upstream = await startUpstream()
  between = createServer((asked, answer) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    allSaid = promise
    onReached()
    const { method = 'GET', url = '/', headers } = asked
    const on = request(`${upstream.url}${url}`, { method, headers }, (came) => {
      answer.writeHead(came.statusCode ?? 0, came.headers)
      answer.flushHeaders()
      came.pipe(answer)
      came.on('end', resolve)
      came.on('error', () => answer.destroy())
    })
    answer.on('error', () => on.destroy())
    on.on('error', () => answer.destroy())
    asked.pipe(on)
  }).listen(0, '127.0.0.1')
  await once(between, 'listening')
})
after(async () => {
  between.closeAllConnections()
  between.close()
  await upstream.close()
})

async function withGateway(
  run: (
    gateway: TestGateway,
    ask: (path: string, method?: string) => Promise<Response>,
  ) => Promise<void>,
): Promise<void> {
  onReached = () => undefined
  const { port } = between.address() as AddressInfo
  const gateway = await startGateway({ upstream: `http://127.0.0.1:${port}` })
  const headers = { authorization: `Bearer ${gateway.keys.ada}` }
  const ask = (path: string, method = 'GET'): Promise<Response> => {
    return fetch(`http://127.0.0.1:${gateway.port}${path}`, { method, headers })
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

const A_WHILE_MS = 150

test('while an intent is volatile nothing goes upstream; when it is durable, all of it does', () =>
  withGateway(async ({ gate }, ask) => {
    const before = (await upstream.received()).count
    gate.close()
    const answer = ask('/echo')
    await sleep(A_WHILE_MS)
    assert.equal((await upstream.received()).count, before)
    gate.open()
    assert.equal((await answer).status, 200)
    assert.equal((await upstream.received()).count, before + 1)
  }))

test('while a refusal is volatile nothing is said', () =>
  withGateway(async ({ gate }, ask) => {
    gate.close()
    let said = false
    const answer = ask('/echo', 'DELETE').finally(() => {
      said = true
    })
    await sleep(A_WHILE_MS)
    assert.equal(said, false)
    gate.open()
    assert.equal((await answer).status, 403)
  }))

const BODY_OF_EVENTS = 'data: 0\n\ndata: 1\n\ndata: 2\n\n'

for (const [name, path, checkTaken] of [
  ['a response that fits is held back whole', '/chunks/3/10/200', (text) => assert.equal(text, '')],
  [
    'of a stream the last chunk and its end are held back',
    '/chunks/3/200000/200',
    (text) => {
      const { body, truncated } = readAnswer(text)
      assert.ok(body.length > 200_000 && body.length < 600_000, `${body.length} bytes`)
      assert.equal(truncated, true)
    },
  ],
  [
    'of events the end is held back, and no event',
    '/events/3/0/200',
    (text) => {
      const { body, truncated } = readAnswer(text)
      assert.deepEqual([body, truncated], [BODY_OF_EVENTS, true])
    },
  ],
] as readonly (readonly [string, string, (text: string) => void])[]) {
  test(`while an outcome is volatile, ${name}`, () =>
    withGateway(async (gateway) => {
      const key = `Authorization: Bearer ${gateway.keys.ada}`
      const socket = connect(gateway.port, '127.0.0.1')
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
      })
      const reached = new Promise<void>((resolve) => {
        onReached = () => {
          gateway.gate.close()
          resolve()
        }
      })
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${key}\r\n\r\n`)
      await reached
      await allSaid
      await sleep(A_WHILE_MS)
      checkTaken(text)
      gateway.gate.open()
      await once(socket, 'close')
      assert.deepEqual([readAnswer(text).status, readAnswer(text).truncated], [200, false])
    }))
}

const FULL_AT_ONCE = 0

test('H113 a full disk: 503, the upstream is not called, and the count follows', () =>
  withGateway(async (gateway, ask) => {
    assert.equal((await ask('/echo')).status, 200)
    // Fill what is preallocated: from then on every append meets the full disk.
    gateway.disk.setCapacity(FULL_AT_ONCE)
    let refused = 0
    while (refused < 3) {
      const calls = (await upstream.received()).count
      const response = await ask('/echo')
      const { reason } = (await response.json()) as { reason?: string }
      if (response.status === 200) continue
      if (reason === 'outcome-unrecorded') continue // The very exchange that met the end.
      assert.deepEqual([response.status, reason], [503, 'ledger-unavailable'])
      assert.equal(response.headers.get('retry-after'), '5')
      assert.equal(response.headers.has('countersign-receipt'), false)
      assert.equal((await upstream.received()).count, calls, 'not one byte went upstream')
      refused += 1
    }
    const denied = await ask('/echo', 'DELETE')
    assert.equal(denied.status, 503, 'a refusal that cannot be recorded is not one')

    gateway.disk.setCapacity(Number.MAX_SAFE_INTEGER)
    await until(async () => (await ask('/echo')).status === 200, 'service resumes by itself')
    await until(
      async () => (await gateway.exchanges()).some(({ kind }) => kind === 'gap'),
      'the gap is recorded',
    )
    const records = await gateway.exchanges()
    const gap = records.find(({ kind }) => kind === 'gap')
    assert.equal(gap?.what.reason, 'ledger-unavailable')
    assert.ok((gap?.what.unrecorded ?? 0) >= 4, `${gap?.what.unrecorded} of at least 4`)
    assertOneEnd(records)
  }))

test('the ledger dies while the upstream works: outcome-unrecorded, and the body stays here', () =>
  withGateway(async (gateway, ask) => {
    onReached = () => {
      gateway.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
    }
    const response = await ask('/chunks/3/10/100')
    const problem = (await response.json()) as { reason: string; detail: string }
    assert.equal(response.status, REASONS['outcome-unrecorded'].status)
    assert.equal(problem.reason, 'outcome-unrecorded')
    assert.match(problem.detail, /not repeat it blindly/)
    await until(
      async () => (await gateway.exchanges()).some(({ how }) => how?.ended === 'interrupted'),
      'the next incarnation closes the intent',
    )
    assertOneEnd(await gateway.exchanges())
  }))

test('the ledger dies in a stream: the client never sees its end', () =>
  withGateway(async (gateway) => {
    const key = `Authorization: Bearer ${gateway.keys.ada}`
    const head = `GET /chunks/6/100000/80 HTTP/1.1\r\nHost: x\r\n${key}\r\n\r\n`
    onReached = () => {
      gateway.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
    }
    const answer = readAnswer(await sendRaw(gateway.port, head))
    assert.equal(answer.status, 200)
    assert.equal(answer.truncated, true)
    assert.ok(answer.body.length < 600_000, 'its last chunk stayed here')
  }))

test('the ledger dies before the intent: 503, and the upstream is not called', () =>
  withGateway(async (gateway, ask) => {
    const before = await upstream.received()
    // Zeros may be on their way ahead of the batch: the write that holds the intent fails too.
    const fault = { operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' } as const
    gateway.disk.inject(fault)
    gateway.disk.inject(fault)
    const response = await ask('/echo')
    assert.equal(response.status, 503)
    assert.deepEqual(await upstream.received(), before)
    await until(async () => (await ask('/echo')).status === 200, 'a new incarnation serves')
  }))

test('every id that the upstream has seen has an intent, under parallel load', () =>
  withGateway(async (gateway, ask) => {
    const earlier = new Set((await upstream.received()).ids)
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => ask(`/echo/${n}`)))
    assert.ok(answers.every(({ status }) => status === 200))
    const records = await gateway.exchanges()
    const intents = new Set(
      records.filter(({ kind }) => kind === 'intent').map(({ when }) => when.exchange),
    )
    const seen = (await upstream.received()).ids.filter((id) => !earlier.has(id))
    assert.equal(seen.length, 200)
    assert.deepEqual(
      seen.filter((id) => !intents.has(id)),
      [],
    )
    assertOneEnd(records)
  }))

/** Every intent has exactly one end. */
function assertOneEnd(records: Awaited<ReturnType<TestGateway['exchanges']>>): void {
  const ends = new Map<number, number>()
  for (const { kind, when } of records) {
    const about = when.about?.index ?? -1
    if (kind === 'outcome') ends.set(about, (ends.get(about) ?? 0) + 1)
  }
  const intents = records.filter(({ kind }) => kind === 'intent')
  for (const { index } of intents) assert.equal(ends.get(index), 1, `intent ${index}`)
  assert.equal(ends.size, intents.length)
}

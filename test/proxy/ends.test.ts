// How exchanges end that do not end well: on the upstream's side, on the client's, and on ours.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { waitFor } from '../demo-process.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { type Answer, readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
/** Waits for everything as long as it takes. */
let gateway: TestGateway
/** Waits for nothing. */
let impatient: TestGateway
/** As long as something comes it waits for more, and not for all of it. */
let strict: TestGateway

before(async () => {
  upstream = await startUpstream()
  const { url } = upstream
  gateway = await startGateway({ upstream: url })
  const limits = { responseHeadMs: 900, responseIdleMs: 900 }
  impatient = await startGateway({ upstream: url, limits })
  strict = await startGateway({ upstream: url, limits: { exchangeMs: 3000 } })
})
after(async () => {
  for (const each of [gateway, impatient, strict]) await each.close()
  await upstream.close()
})

const request = (target: string, more = '', of = gateway): string => {
  const key = `Authorization: Bearer ${of.keys.ada}`
  return `GET ${target} HTTP/1.1\r\nHost: x\r\n${key}\r\nConnection: close\r\n${more}\r\n`
}

async function outcomeCount(): Promise<number> {
  return (await gateway.exchanges()).filter(({ kind }) => kind === 'outcome').length
}

/** Sends a request; returns the answer, and the outcome once it is there. */
async function outcomeOf(
  bytes: string,
  of = gateway,
): Promise<{ answer: Answer; outcome: RecordView }> {
  const answer = readAnswer(await sendRaw(of.port, bytes))
  return { answer, outcome: await lastOutcome(answer.headers['x-request-id'], 0, of) }
}

/** The newest outcome, of the exchange `id` or of any beyond the first `beyond`. */
async function lastOutcome(id?: string, beyond = 0, of = gateway): Promise<RecordView> {
  let outcome: RecordView | undefined
  await waitFor(async () => {
    const records = await of.exchanges()
    outcome = records.findLast(({ kind, when }) => {
      return kind === 'outcome' && (id === undefined || when.exchange === id)
    })
    const opened = records.filter(({ kind }) => kind === 'intent').length
    const closed = records.filter(({ kind }) => kind === 'outcome').length
    return outcome !== undefined && opened === closed && closed > beyond
  })
  return outcome ?? assert.fail('no outcome')
}

const raw = (bytes: string, then = 'close'): string => {
  return `/raw/${Buffer.from(bytes, 'latin1').toString('hex')}/${then}`
}
const OK = 'HTTP/1.1 200 OK\r\n'
const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20)

for (const [name, path, want] of [
  [
    'H37 length and chunked',
    raw(`${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
    '502 upstream-protocol',
  ],
  [
    'H38 chunked twice',
    raw(`${OK}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`),
    '502 upstream-protocol',
  ],
  [
    'H38 gzip as the last coding',
    raw(`${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`),
    '502 upstream-protocol',
  ],
  ['H38 gzip alone', raw(`${OK}Transfer-Encoding: gzip\r\n\r\nabc`), '502 upstream-protocol'],
  ['H39 a header without a colon', raw(`${OK}nonsense\r\n\r\n`), '502 upstream-protocol'],
  ['H39 a header with NUL', raw(`${OK}X-A: a\0b\r\n\r\n`), '502 upstream-protocol'],
  [
    'two lengths',
    raw(`${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`),
    '502 upstream-protocol',
  ],
  [
    'H41 too many interim responses',
    raw(`${interim}${OK}Content-Length: 0\r\n\r\n`),
    '502 upstream-protocol',
  ],
  [
    'H41 an unsolicited 101',
    raw('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    '502 upstream-protocol',
  ],
  ['no HTTP at all', raw('220 smtp ready\r\n'), '502 upstream-protocol'],
  ['a connection closed without an answer', '/raw/-/close', '502 upstream-aborted'],
  ['a head that does not end', raw(`${OK}X-A: 1\r\n`), '502 upstream-aborted'],
  ['H39 a head of a mebibyte', '/head/1048576', '502 upstream-protocol'],
  ['no head in time', '/hang', '504 upstream-timeout'],
  [
    'no body in time, held back',
    raw(`${OK}Content-Length: 9\r\n\r\nabc`, 'open'),
    '504 upstream-timeout',
  ],
  ['H42 a short body, held back', '/break/10/20', '502 upstream-aborted'],
  [
    'H42 a chunked body without its end',
    raw(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`),
    '502 upstream-aborted',
  ],
] as const) {
  test(`upstream: ${name}: ${want}`, async () => {
    const of = want.startsWith('504') ? impatient : gateway
    const { answer, outcome } = await outcomeOf(request(path, '', of), of)
    const { reason } = JSON.parse(answer.body) as { reason: string }
    assert.equal(`${answer.status} ${reason}`, want)
    assert.equal(`${outcome.how.status} ${outcome.how.error}`, want)
    assert.equal(outcome.how.source, 'gateway')
    assert.equal(outcome.how.ended, reason === 'upstream-aborted' ? 'upstream-aborted' : 'released')
    assert.ok(answer.headers['countersign-receipt'], 'a receipt of the outcome')
  })
}

for (const [name, path, status, body] of [
  [
    'H36 a body after 204 is dropped',
    raw('HTTP/1.1 204 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'),
    204,
    '',
  ],
  [
    'H40 a second response is nobody’s',
    raw(`${OK}Content-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb`),
    200,
    'a',
  ],
  [
    'interim responses are not passed on',
    raw(`HTTP/1.1 103 Early\r\n\r\n${OK}Content-Length: 1\r\n\r\na`),
    200,
    'a',
  ],
] as const) {
  test(`upstream: ${name}`, async () => {
    const { answer } = await outcomeOf(request(path))
    assert.deepEqual([answer.status, answer.body, answer.rest], [status, body, ''])
    // This upstream ends its connection: a request that meets that end is 502, and not retried.
    let next = await outcomeOf(request('/bytes/2'))
    await waitFor(async () => {
      if (next.answer.status === 502) next = await outcomeOf(request('/bytes/2'))
      return next.answer.status !== 502
    })
    assert.equal(next.answer.body, 'bb', 'the next exchange gets its own answer')
  })
}

test('HEAD: the length of the upstream, no body, an outcome all the same', async () => {
  const { answer, outcome } = await outcomeOf(request('/bytes/77').replace('GET', 'HEAD'))
  assert.deepEqual([answer.status, answer.headers['content-length']], [200, '77'])
  assert.deepEqual([answer.rest, answer.body, outcome.how.response?.bytes ?? -1], ['', '', 0])
})

test('an upstream that breaks off a stream: cut, and the record says how far it came', async () => {
  const { answer, outcome } = await outcomeOf(request('/break/400000/500000'))
  assert.deepEqual([answer.status, answer.truncated], [200, true])
  assert.deepEqual([outcome.how.ended, outcome.how.error], ['upstream-aborted', 'upstream-aborted'])
  assert.equal(outcome.via.response?.bytes, 400_000)
  assert.ok(
    (outcome.how.response?.bytes ?? -1) < 400_000 &&
      (outcome.how.response?.bytes ?? -1) >= answer.body.length,
  )
})

test('an exchange that takes too long in all is cut', async () => {
  const path = '/chunks/100/40000/100'
  const { answer, outcome } = await outcomeOf(request(path, '', strict), strict)
  assert.equal(answer.truncated, true)
  assert.deepEqual([outcome.how.ended, outcome.how.error], ['upstream-aborted', 'exchange-timeout'])
})

for (const [name, path] of [
  ['while the upstream is silent', '/hang'],
  ['in the middle of a stream', '/chunks/50/100000/20'],
] as const) {
  test(`H110 a client that leaves ${name}: recorded, and the upstream is let go`, async () => {
    const { aborted, count } = await upstream.received()
    const beyond = await outcomeCount()
    const socket = connect(gateway.port, '127.0.0.1')
    let bytes = 0
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.write(request(path))
    await waitFor(async () => (await upstream.received()).count > count)
    if (path !== '/hang') await waitFor(() => bytes > 100_000)
    socket.destroy()
    const outcome = await lastOutcome(undefined, beyond)
    assert.deepEqual([outcome.how.ended, outcome.how.error], ['client-aborted', 'client-aborted'])
    if (path !== '/hang') return
    await waitFor(async () => (await upstream.received()).aborted === aborted + 1)
  })
}

test('H29 a client that leaves in its upload: the upstream sees an abort, not an end', async () => {
  const before = await upstream.received()
  const beyond = await outcomeCount()
  const socket = connect(gateway.port, '127.0.0.1')
  const head = request('/echo', 'Content-Length: 1000\r\n').replace('GET', 'POST')
  socket.write(`${head}abc`)
  await waitFor(async () => (await upstream.received()).bytes === before.bytes + 3)
  socket.destroy()
  const outcome = await lastOutcome(undefined, beyond)
  assert.deepEqual([outcome.how.ended, outcome.how.request?.bytes], ['client-aborted', 3])
  await waitFor(async () => (await upstream.received()).aborted === before.aborted + 1)
})

test('H33 an upstream that answers early: its answer, then both connections end', async () => {
  const head = request('/early', 'Content-Length: 1000\r\n').replace('GET', 'POST')
  const answer = readAnswer(await sendRaw(gateway.port, `${head}abc`))
  assert.deepEqual([answer.status, answer.body, answer.headers.connection], [403, 'no', 'close'])
  const outcome = await lastOutcome(answer.headers['x-request-id'])
  assert.deepEqual([outcome.how.ended, outcome.how.source], ['released', 'upstream'])
  const next = await outcomeOf(request('/bytes/2'))
  assert.equal(next.answer.body, 'bb')
})

test('H108 a client that does not read its response is let go', async (t) => {
  const hasty = await startGateway({ upstream: upstream.url, limits: { releaseIdleMs: 900 } })
  t.after(hasty.close)
  const socket = connect(hasty.port, '127.0.0.1')
  socket.pause()
  socket.on('error', () => undefined)
  socket.write(request('/bytes/50000000', '', hasty))
  const outcome = await lastOutcome(undefined, 0, hasty)
  assert.deepEqual([outcome.how.ended, outcome.how.error], ['client-aborted', 'client-aborted'])
  assert.ok((outcome.how.response?.bytes ?? -1) < 50_000_000)
  socket.resume()
  await once(socket, 'close')
})

test('stopping: what is going on ends, then what does not is cut, all of it recorded', async () => {
  const stopping = await startGateway({ upstream: upstream.url, limits: { stopMs: 4000 } })
  const key = `Authorization: Bearer ${stopping.keys.ada}`
  const ask = (target: string): Promise<string> => {
    return sendRaw(stopping.port, `GET ${target} HTTP/1.1\r\nHost: x\r\n${key}\r\n\r\n`)
  }
  const [slow, hung] = [ask('/chunks/3/10/300'), ask('/hang')]
  await waitFor(async () => (await stopping.exchanges()).length >= 2)
  const closed = stopping.close()
  // It takes no more connections.
  await waitFor(() =>
    fetch(`http://127.0.0.1:${stopping.port}/echo`).then(
      () => false,
      () => true,
    ),
  )
  const ended = readAnswer(await slow)
  assert.deepEqual([ended.status, ended.headers.connection], [200, 'close'])
  const cut = readAnswer(await hung)
  assert.deepEqual([cut.status, JSON.parse(cut.body).reason], [503, 'shutting-down'])
  await closed
  const outcomes = (await stopping.exchanges()).filter(({ kind }) => kind === 'outcome')
  const errors = new Set(outcomes.map(({ how }) => how.error))
  assert.deepEqual([outcomes.length, errors], [2, new Set([undefined, 'shutting-down'])])
})

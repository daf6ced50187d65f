// What is counted is what is on record: to the request, whatever became of each.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { Load } from './load.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

/** Sums of every series of a metric, by the value of one label; `''` where it has none. */
function sums(text: string, name: string, label = ''): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, metric, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (metric !== name) continue
    const key = new RegExp(`\\b${label}="([^"]*)"`).exec(labels)?.[1] ?? ''
    found.set(label === '' ? '' : key, (found.get(label === '' ? '' : key) ?? 0) + Number(value))
  }
  return found
}

function total(text: string, name: string): number {
  return sums(text, name).get('') ?? 0
}

/** Writes bytes, and resolves when the gateway has closed the connection. */
async function send(port: number, bytes: string): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  socket.end(bytes, 'latin1')
  await new Promise((resolve) => socket.once('close', resolve))
}

async function everyFate(gateway: TestGateway): Promise<void> {
  const { port, keys } = gateway
  const allowed = new Load(port, keys.ada)
  await allowed.run(40, 4, '/bytes/1')
  allowed.close()
  const denied = new Load(port, keys.ben)
  await denied.run(7, 2, '/bytes/1')
  denied.close()
  const unknown = new Load(port, 'no-such-key')
  await unknown.run(90, 4, '/bytes/1')
  unknown.close()
  for (let at = 0; at < 5; at += 1) await send(port, 'GET / HTTP/1.1\r\nHost : x\r\n\r\n')
  await send(port, 'GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')
  await send(port, 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n')
  await send(
    port,
    'GET /.well-known/countersign/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  const authorization = `Host: a\r\nAuthorization: Bearer ${keys.ada}\r\nConnection: close`
  await send(port, `GET /nowhere HTTP/1.1\r\n${authorization}\r\n\r\n`)
}

test('every request is counted once, by the end that its records say', async (t) => {
  const limits = { refusalsPerSecondMax: 30, refusalsWholeMax: 10 }
  const gateway = await startGateway({ upstream: upstream.url, limits })
  t.after(gateway.close)
  await everyFate(gateway)
  await gateway.close()
  const text = await gateway.metrics()
  const records = await gateway.exchanges()
  const count = (kind: string): number => records.filter((record) => record.kind === kind).length
  const folded = records
    .filter(({ kind, what }) => kind === 'fold' && what.act === 'close')
    .reduce((sum, { what }) => sum + (what.count ?? 0), 0)

  const accepted = total(text, 'countersign_requests_accepted_total')
  assert.equal(accepted, 40 + 7 + 90 + 5 + 1 + 1 + 1 + 1)
  assert.equal(total(text, 'http_server_request_duration_seconds_count'), accepted)
  assert.equal(total(text, 'http_server_active_requests'), 0)
  assert.equal(total(text, 'countersign_intents_total'), count('intent'))
  assert.equal(total(text, 'countersign_outcomes_total'), count('outcome'))
  const refusals = sums(text, 'countersign_refusals_total', 'recorded')
  assert.equal(refusals.get('whole'), count('refusal'))
  assert.equal(refusals.get('folded'), folded)
  assert.ok(folded > 0, 'the flood was folded')
  assert.equal(
    count('intent') + count('refusal') + folded + total(text, 'countersign_own_answers_total'),
    accepted,
  )
  assert.equal(
    total(text, 'http_client_request_duration_seconds_count'),
    count('intent'),
    'whatever was forwarded was timed',
  )
})

test('labels come from the configuration and from closed lists, never from a caller', async (t) => {
  const gateway = await startGateway({ upstream: upstream.url })
  t.after(gateway.close)
  for (const path of ['/bytes/1', '/bytes/2?token=secret', '/elsewhere-7f3a']) {
    const load = new Load(gateway.port, gateway.keys.ada)
    await load.run(1, 1, path)
    load.close()
  }
  const text = await gateway.metrics()
  assert.match(text, /http_server_request_duration_seconds_count\{http_route="[^"]+"/)
  for (const foreign of ['7f3a', 'secret', 'token', gateway.keys.ada, 'ada', '127.0.0.1']) {
    assert.ok(!text.includes(foreign), foreign)
  }
})

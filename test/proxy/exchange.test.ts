import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { parseReceipt } from '@countersign/evidence'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const url = (path: string): string => `http://127.0.0.1:${gateway.port}${path}`
const asAda = (): Record<string, string> => ({ authorization: `Bearer ${gateway.keys.ada}` })

test('an allowed request has its intent, then its outcome, and a receipt of it', async () => {
  const response = await fetch(url('/echo/7?a=1'), { headers: asAda() })
  const echoed = (await response.json()) as { url: string; rawHeaders: string[] }
  const [intent, outcome, ...more] = await gateway.exchanges()
  assert.equal(response.status, 200)
  assert.equal(echoed.url, '/echo/7?a=1')
  assert.deepEqual([intent?.kind, outcome?.kind, more.length], ['intent', 'outcome', 0])
  assert.deepEqual(intent?.who, {
    principal: { id: 'ada', kind: 'user', issuer: 'keys' },
    credential: { method: 'api-key', id: gateway.keys.ada.slice(3, 11) },
    facts: { groups: ['readers'], roles: ['staff'] },
    requestSalt: intent?.who.requestSalt,
  })
  assert.equal(intent?.where.address, '127.0.0.1')
  assert.equal(intent?.what.path, '/echo/7')
  assert.equal(intent?.what.authority, `127.0.0.1:${gateway.port}`)
  assert.equal(intent?.why.reason, 'policy-permits')
  assert.deepEqual(intent?.why.policies, ['ada-may'])
  assert.equal(intent?.why.configurationSha256, 'c'.repeat(64))
  assert.match(String(intent?.who.requestSalt), /^[0-9a-f]{32}$/)
  assert.match(intent?.why.requestSha256 ?? '', /^[0-9a-f]{64}$/)
  assert.equal(outcome?.when.about?.index, intent?.index)
  assert.equal(outcome?.how.ended, 'released')
  assert.equal(outcome?.how.source, 'upstream')
  assert.deepEqual(outcome?.how.response, outcome?.via.response)
  const receipt = parseReceipt(response.headers.get('countersign-receipt') ?? '')
  assert.equal(receipt.index, outcome?.index)
  assert.equal(response.headers.get('x-request-id'), intent?.when.exchange)
  assert.ok(echoed.rawHeaders.includes(intent?.when.exchange ?? ''), 'the upstream has the same id')
})

test('bodies are digested both ways, as sent and as released', async () => {
  const sent = Buffer.alloc(300_000, 'x')
  const response = await fetch(url('/echo'), { method: 'POST', headers: asAda(), body: sent })
  const released = await response.text()
  const echoed = JSON.parse(released) as { bytes: number; sha256: string }
  const outcome = (await gateway.exchanges()).at(-1)
  const facts = { bytes: sent.length, sha256: hash('sha256', sent) }
  assert.deepEqual(outcome?.how.request, facts)
  assert.deepEqual({ bytes: echoed.bytes, sha256: echoed.sha256 }, facts)
  assert.deepEqual(outcome?.how.response, {
    bytes: released.length,
    sha256: hash('sha256', released),
  })
})

for (const [name, method, path, key, status, reason] of [
  ['somebody whom no policy permits', 'GET', '/echo', 'ben', 403, 'no-policy-permits'],
  ['what a policy forbids', 'DELETE', '/echo', 'ada', 403, 'policy-forbids'],
  ['nobody', 'GET', '/echo', undefined, 401, 'credentials-missing'],
  ['an expired key', 'GET', '/echo', 'old', 401, 'credentials-expired'],
  ['an expired key where none is needed', 'GET', '/echo/open', 'old', 401, 'credentials-expired'],
] as const) {
  test(`${name} is refused: ${status} ${reason}, recorded before it is said`, async () => {
    const before = await upstream.received()
    const headers = key === undefined ? {} : { authorization: `Bearer ${gateway.keys[key]}` }
    const response = await fetch(url(path), { method, headers })
    const problem = (await response.json()) as Record<string, unknown>
    const refusal = (await gateway.exchanges()).at(-1)
    assert.equal(response.status, status)
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    assert.equal(response.headers.has('www-authenticate'), status === 401)
    assert.deepEqual([problem.status, problem.reason], [status, reason])
    assert.equal(problem.requestId, refusal?.when.exchange)
    assert.deepEqual([refusal?.kind, refusal?.why.reason], ['refusal', reason])
    assert.equal(refusal?.how.status, status)
    const receipt = parseReceipt(response.headers.get('countersign-receipt') ?? '')
    assert.equal(receipt.index, refusal?.index)
    assert.deepEqual(await upstream.received(), before, 'the upstream was not called')
  })
}

test('where credentials are optional, policies are asked about nobody', async () => {
  const response = await fetch(url('/echo/open'))
  assert.equal(response.status, 200)
  const intent = (await gateway.exchanges()).at(-2)
  assert.deepEqual(intent?.who, {
    principal: { id: 'anonymous', kind: 'anonymous', issuer: 'none' },
    requestSalt: intent?.who.requestSalt,
  })
  assert.deepEqual(intent?.why.policies, ['anybody-on-open'])
})

test('a response beyond the release buffer is a stream: the intent in its head', async () => {
  const response = await fetch(url('/bytes/1000000'), { headers: asAda() })
  const body = await response.arrayBuffer()
  const [intent, outcome] = (await gateway.exchanges()).slice(-2)
  assert.equal(body.byteLength, 1_000_000)
  const receipt = parseReceipt(response.headers.get('countersign-receipt') ?? '')
  assert.equal(receipt.index, intent?.index)
  assert.equal(outcome?.how.response?.bytes, 1_000_000)
  assert.deepEqual(outcome?.how.response, outcome?.via.response)
})

test('a client that takes trailers gets the outcome of a stream in one', async () => {
  const head = `GET /bytes/300000 HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE, close\r\n`
  const text = await sendRaw(
    gateway.port,
    `${head}Authorization: Bearer ${gateway.keys.ada}\r\n\r\n`,
  )
  const answer = readAnswer(text)
  const [intent, outcome] = (await gateway.exchanges()).slice(-2)
  assert.equal(answer.body.length, 300_000)
  assert.equal(answer.headers.trailer, 'countersign-receipt')
  assert.equal(parseReceipt(answer.headers['countersign-receipt'] ?? '').index, intent?.index)
  assert.equal(parseReceipt(answer.trailers['countersign-receipt'] ?? '').index, outcome?.index)
})

test('an upstream that cannot be reached: 502, and the outcome says so', async () => {
  const response = await fetch(url('/dead'), { headers: asAda() })
  const problem = (await response.json()) as { reason: string }
  const outcome = (await gateway.exchanges()).at(-1)
  assert.deepEqual([response.status, problem.reason], [502, 'upstream-unreachable'])
  assert.deepEqual([outcome?.kind, outcome?.how.error], ['outcome', 'upstream-unreachable'])
  assert.equal(outcome?.how.source, 'gateway')
})

test('what is asked of the gateway itself is never forwarded', async () => {
  const before = await upstream.received()
  const response = await fetch(url('/.well-known/countersign/receipts/1/0'))
  assert.equal(await response.text(), 'own /.well-known/countersign/receipts/1/0')
  assert.deepEqual(await upstream.received(), before)
})

import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  httpSignatures,
  MemoryReplayStore,
  signaturesSchema,
} from '../../packages/gateway/src/identity/index.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const config = signaturesSchema.parse({
  name: 'machines',
  keys: [
    {
      id: 'batch-1',
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      principal: 'batch',
    },
  ],
})
const POLICIES = `
@id("batch-may") permit (principal == Service::"batch", action, resource);
@id("ada-may") permit (principal == User::"ada", action, resource);`

const nonces = new MemoryReplayStore({
  nowUs: Date.now() * 1000 - 10e6,
  windowMs: 60_000,
  aheadMs: 5000,
  entriesMax: 100,
})
let signed = 0

/** The head of a POST whose digest, of `body`, is covered; any body may follow. */
function signedHead(body: string, framing: string, more = ''): string {
  signed += 1
  const digest = `sha-256=:${hash('sha256', body, 'base64')}:`
  const created = Math.floor(Date.now() / 1000)
  const components = '("@method" "@authority" "@path" "content-digest")'
  const parameters = `${components};created=${created};keyid="batch-1";nonce="${signed}"`
  const base = [
    '"@method": POST',
    '"@authority": api.example',
    '"@path": /echo',
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`,
  ].join('\n')
  const signature = sign(null, Buffer.from(base), privateKey).toString('base64')
  return [
    'POST /echo HTTP/1.1',
    'Host: api.example',
    `Content-Digest: ${digest}`,
    `Signature-Input: s=${parameters}`,
    `Signature: s=:${signature}:`,
    framing,
    `${more}Connection: close`,
    '',
    '',
  ].join('\r\n')
}

/** Over HTTP/2, with nothing covered but what is asked of whom: no field tells of a body. */
function signedFields(method: string): Record<string, string> {
  signed += 1
  const created = Math.floor(Date.now() / 1000)
  const components = '("@method" "@authority" "@path")'
  const parameters = `${components};created=${created};keyid="batch-1";nonce="${signed}"`
  const base = [
    `"@method": ${method}`,
    '"@authority": api.example',
    '"@path": /echo',
    `"@signature-params": ${parameters}`,
  ].join('\n')
  const signature = sign(null, Buffer.from(base), privateKey).toString('base64')
  return {
    ':method': method,
    ':scheme': 'http',
    ':authority': 'api.example',
    ':path': '/echo',
    'signature-input': `s=${parameters}`,
    signature: `s=:${signature}:`,
  }
}

describe('HTTP message signatures', () => {
  let upstream: UpstreamProcess
  let gateway: TestGateway

  before(async () => {
    upstream = await startUpstream()
    gateway = await startGateway({
      upstream: upstream.url,
      protocols: ['h2', 'http/1.1'],
      authenticators: [httpSignatures(config, nonces)],
      policies: POLICIES,
    })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
  })

  async function ask(request: string, parts: readonly string[] = []) {
    const before = await upstream.received()
    const answer = readAnswer(await sendRaw(gateway.port, request, { parts }))
    await sleep(50)
    const now = await upstream.received()
    const records = await gateway.exchanges()
    const whole = now.bytes - before.bytes
    return { answer, whole, calls: now.count - before.count, last: records.at(-1), records }
  }

  test('a body that was signed arrives, and the proof is in the record', async () => {
    const { answer, records } = await ask(`${signedHead('hello', 'Content-Length: 5')}hello`)
    assert.equal(answer.status, 200)
    assert.equal(JSON.parse(answer.body).sha256, hash('sha256', 'hello'))
    const intent = records.findLast(({ kind }) => kind === 'intent')
    assert.equal(intent?.who.principal.id, 'batch')
    assert.match(intent?.who.credential?.proof ?? '', /"@path": \/echo\n.*"@signature": :/s)
  })

  test('so does one in chunks', async () => {
    const head = signedHead('hello world', 'Transfer-Encoding: chunked')
    const { answer } = await ask(`${head}6\r\nhello \r\n`, ['5\r\nworld\r\n', '0\r\n\r\n'])
    assert.equal(JSON.parse(answer.body).sha256, hash('sha256', 'hello world'))
  })

  for (const [name, framing, body, parts] of [
    ['in one piece', 'Content-Length: 5', 'HELLO', []],
    ['in two pieces', 'Content-Length: 10', 'hello', ['WORLD']],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n', ['1\r\n!\r\n', '0\r\n\r\n']],
  ] as const) {
    test(`another body ${name}: refused, and never whole at the upstream`, async () => {
      const { answer, last, whole } = await ask(signedHead('hello', framing) + body, parts)
      assert.equal(answer.status, 400)
      assert.equal(JSON.parse(answer.body).reason, 'body-digest-mismatch')
      assert.deepEqual([last?.kind, last?.how.error], ['outcome', 'body-digest-mismatch'])
      assert.ok(whole < body.length + parts.join('').length)
      assert.ok((last?.how.request?.bytes ?? 0) < 10)
    })
  }

  test('no body at all: refused before anything is forwarded', async () => {
    const { answer, last, calls } = await ask(signedHead('hello', 'Content-Length: 0'))
    assert.equal(answer.status, 400)
    assert.deepEqual([last?.kind, last?.why.reason, calls], ['refusal', 'body-digest-mismatch', 0])
  })

  test('the same request once more', async () => {
    const request = `${signedHead('hello', 'Content-Length: 5')}hello`
    assert.equal((await ask(request)).answer.status, 200)
    const { answer, last, calls } = await ask(request)
    assert.equal(answer.status, 401)
    assert.deepEqual([last?.why.reason, calls], ['proof-replayed', 0])
  })

  test('a signature beside a key is two credentials', async () => {
    const key = `Authorization: Bearer ${gateway.keys.ada}\r\n`
    const { answer } = await ask(`${signedHead('hello', 'Content-Length: 5', key)}hello`)
    assert.equal(answer.status, 400)
    assert.equal(JSON.parse(answer.body).reason, 'credentials-ambiguous')
  })

  for (const [method, body, want] of [
    ['GET', undefined, 200],
    ['GET', 'amount=1', 401],
    ['POST', 'amount=1', 401],
    ['DELETE', 'amount=1', 401],
  ] as const) {
    const what = body === undefined ? 'no body' : 'a body that nothing covers'
    test(`${method} over HTTP/2 with ${what}: ${want}`, async () => {
      const before = await upstream.received()
      const session = connect(`http://127.0.0.1:${gateway.port}`)
      try {
        const stream = session.request(signedFields(method), { endStream: body === undefined })
        stream.on('error', () => undefined)
        if (body !== undefined) stream.end(body)
        const [answer] = (await once(stream, 'response')) as [{ readonly ':status': number }]
        assert.equal(answer[':status'], want)
      } finally {
        session.destroy()
      }
      const { count } = await upstream.received()
      assert.equal(count - before.count, want === 200 ? 1 : 0)
    })
  }
})

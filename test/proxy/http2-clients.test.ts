// HTTP/2 as other people's programs speak it: curl, h2load, and Node's client over TLS.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { waitFor } from '../demo-process.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const run = promisify(execFile)
const skip =
  need('openssl', { command: 'openssl', install: 'apt-get install openssl' }) ||
  need('curl', { command: 'curl', install: 'apt-get install curl' })
const skipLoad = need('h2load', { command: 'h2load', install: 'apt-get install nghttp2-client' })

describe('HTTP/2 over TLS', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'h2-'))
  let authority: Authority
  let upstream: UpstreamProcess
  let gateway: TestGateway

  before(async () => {
    authority = makeAuthority()
    upstream = await startUpstream()
    writeFileSync(join(directory, 'ca.pem'), authority.pem)
    const certificate = authority.issue(['localhost'])
    gateway = await startGateway({ upstream: upstream.url, certificate, protocols: ['h2'] })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
    authority.remove()
    rmSync(directory, { recursive: true })
  })

  async function curl(...args: readonly string[]) {
    const key = ['-H', `Authorization: Bearer ${gateway.keys.ada}`]
    const to = ['--cacert', join(directory, 'ca.pem'), '-sS', '--max-time', '20', ...key]
    const options = { maxBuffer: 64 * 1024 * 1024, encoding: 'buffer' as const }
    const { stdout } = await run('curl', [...to, ...args], options)
    return stdout
  }
  const url = (path: string): string => `https://localhost:${gateway.tlsPort}${path}`

  test('curl agrees on it by ALPN, and the record says so', async () => {
    const answer = await curl('--http2', '-w', '\n%{http_version} %{http_code}', url('/echo/curl'))
    assert.equal(String(answer).split('\n').at(-1), '2 200')
    const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
    const { tls } = intent?.where ?? {}
    assert.deepEqual([intent?.what.protocol, tls?.alpn, tls?.version], ['HTTP/2', 'h2', 'TLSv1.3'])
  })

  test('curl that offers only HTTP/1.1 gets it at the same port', async () => {
    const answer = await curl('--http1.1', '-w', '\n%{http_version}', url('/echo'))
    assert.equal(String(answer).split('\n').at(-1), '1.1')
  })

  test('a body of 8 MB up arrives as it was', async () => {
    const body = randomBytes(8 * 1024 * 1024)
    writeFileSync(join(directory, 'body'), body)
    const answer = await curl(
      '--http2',
      '--data-binary',
      `@${join(directory, 'body')}`,
      url('/echo'),
    )
    const { bytes, sha256 } = JSON.parse(String(answer)) as { bytes: number; sha256: string }
    assert.deepEqual(
      [bytes, sha256],
      [body.length, createHash('sha256').update(body).digest('hex')],
    )
  })

  for (const path of ['/bytes/8388608', '/chunks/128/65536/0']) {
    test(`a body of 8 MB down arrives whole: ${path}`, async () => {
      assert.equal((await curl('--http2', url(path))).length, 8 * 1024 * 1024)
    })
  }

  test('an answer to a request whose body is not wanted arrives whole', async () => {
    writeFileSync(join(directory, 'much'), Buffer.alloc(4 * 1024 * 1024))
    const upload = ['--data-binary', `@${join(directory, 'much')}`, '-w', '\n%{http_code}']
    const wrong = ['-H', 'Authorization: Bearer nothing']
    const answer = String(await curl('--http2', ...wrong, ...upload, url('/echo')))
    const [body = '', status] = answer.split('\n')
    assert.deepEqual(
      [status, (JSON.parse(body) as { reason: string }).reason.length > 0],
      ['400', true],
    )
  })

  test('HEAD, and an answer without a body', async () => {
    const head = await curl('--http2', '-I', url('/bytes/1000'))
    assert.match(String(head), /^HTTP\/2 200/)
    assert.match(String(head), /content-length: 1000/)
  })

  test('a connection lives through a renewed certificate', async () => {
    const session = connect(url(''), { ca: authority.pem })
    const ask = async (): Promise<number> => {
      const stream = session.request({
        ':path': '/echo',
        authorization: `Bearer ${gateway.keys.ada}`,
      })
      const status = await new Promise<number>((resolve, reject) => {
        stream.on('response', (headers) => resolve(Number(headers[':status'])))
        stream.on('error', reject)
      })
      stream.resume()
      return status
    }
    assert.equal(await ask(), 200)
    gateway.replaceCertificate(authority.issue(['localhost']))
    assert.equal(await ask(), 200)
    session.close()
  })

  test('containment ends the stream that it is about, and not the connection', async () => {
    const session = connect(url(''), { ca: authority.pem })
    const ask = (path: string, token: string) => {
      return session.request({ ':path': path, authorization: `Bearer ${token}` })
    }
    const before = (await upstream.received()).count
    const cut = ask('/hang', gateway.keys.ada)
    const stays = ask('/echo/open', '')
    stays.resume()
    cut.resume()
    await waitFor(async () => (await upstream.received()).count > before)
    const status = new Promise((resolve) => {
      cut.on('response', (headers) => resolve(headers[':status']))
    })
    const by = { issuer: 'keys', id: 'olga' }
    const target = { kind: 'principal', issuer: 'keys', id: 'ada' } as const
    await gateway.containment.contain({ target, reason: 'a test', by, forMs: 60_000 })
    assert.equal(await status, 403)
    const after = ask('/echo', gateway.keys.ben)
    after.resume()
    const answered = await new Promise((resolve) => {
      after.on('response', (headers) => resolve(headers[':status']))
    })
    assert.equal(answered, 403)
    session.close()
  })
})

describe('what a listener with TLS offers', { skip }, () => {
  for (const [protocols, offered, agreed] of [
    [['h2'], ['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], ['h2', 'http/1.1'], 'http/1.1'],
    [['h2'], ['http/1.1'], 'refused'],
    [['h2'], ['h2c'], 'refused'],
    [['h2'], undefined, 'version-refused'],
    [['h2', 'http/1.1'], undefined, 'http/1.1'],
  ] as const) {
    test(`${protocols.join()} to a client of ${offered?.join()}: ${agreed}`, async () => {
      const [authority, upstream] = [makeAuthority(), await startUpstream()]
      const certificate = authority.issue(['localhost'])
      const parts = { upstream: upstream.url, certificate, tlsProtocols: protocols }
      const gateway = await startGateway(parts)
      const { tlsPort: port, keys } = gateway
      const at = { host: '127.0.0.1', port, servername: 'localhost', ca: authority.pem }
      const socket = connectTls({ ...at, ...(offered ? { ALPNProtocols: [...offered] } : {}) })
      socket.on('error', () => undefined)
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
      })
      const lines = ['GET /echo HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${keys.ada}`]
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.once('secureConnect', () => {
        if (socket.alpnProtocol === 'h2') socket.destroy()
        else socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`)
      })
      await closed
      await gateway.close()
      const reasons = (await gateway.exchanges()).map(({ kind, why }) => `${kind} ${why?.reason}`)
      if (agreed === 'h2') assert.equal(socket.alpnProtocol, 'h2')
      if (agreed === 'http/1.1') assert.match(text, /^HTTP\/1\.1 200/)
      if (agreed === 'refused') assert.deepEqual(reasons, ['refusal malformed-request'])
      if (agreed === 'version-refused') assert.deepEqual(reasons, ['refusal version-refused'])
      await upstream.close()
      authority.remove()
    })
  }
})

describe('HTTP/2 under load', { skip: skipLoad }, () => {
  test('requests accepted = intents = outcomes', async () => {
    const upstream = await startUpstream()
    const gateway = await startGateway({ upstream: upstream.url, protocols: ['h2'] })
    const key = `Authorization: Bearer ${gateway.keys.ada}`
    const at = `http://127.0.0.1:${gateway.port}/bytes/1024`
    const load = ['-n', '2000', '-c', '8', '-m', '20', '-H', key, at]
    const { stdout } = await run('h2load', load)
    assert.match(stdout, /2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored/)
    await gateway.close()
    const records = await gateway.exchanges()
    const count = (kind: string): number => records.filter((each) => each.kind === kind).length
    const { count: reached } = await upstream.received()
    assert.deepEqual([count('intent'), count('outcome'), reached], [2000, 2000, 2000])
    assert.match(await gateway.metrics(), /^countersign_requests_accepted_total(\{.*\})? 2000$/m)
    await upstream.close()
  })
})

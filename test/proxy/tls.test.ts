import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect } from 'node:tls'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

describe('TLS', { skip }, () => {
  let authority: Authority
  let stranger: Authority
  let upstream: UpstreamProcess
  let gateway: TestGateway

  before(async () => {
    authority = makeAuthority()
    stranger = makeAuthority()
    upstream = await startUpstream()
    const certificate = authority.issue(['api.example', 'localhost'])
    gateway = await startGateway({ upstream: upstream.url, certificate })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
    authority.remove()
    stranger.remove()
  })

  async function ask(options: ConnectionOptions, host = 'api.example', path = '/echo') {
    const base = { host: '127.0.0.1', port: gateway.tlsPort, ca: authority.pem }
    const socket = connect({ ...base, servername: 'api.example', ...options })
    await once(socket, 'secureConnect')
    const key = `Authorization: Bearer ${gateway.keys.ada}`
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${key}\r\nConnection: close\r\n\r\n`)
    const chunks: Buffer[] = []
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
    return readAnswer(Buffer.concat(chunks).toString('latin1'))
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version}: what was negotiated is in the record`, async () => {
      const answer = await ask({
        minVersion: version,
        maxVersion: version,
        ALPNProtocols: ['http/1.1'],
      })
      const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
      assert.equal(answer.status, 200)
      const { cipher, ...rest } = intent?.where.tls ?? {}
      assert.deepEqual(rest, { version, serverName: 'api.example', alpn: 'http/1.1' })
      assert.match(cipher ?? '', version === 'TLSv1.3' ? /^TLS_AES|^TLS_CHACHA/ : /^TLS_ECDHE_/)
      assert.equal(intent?.what.scheme, 'https')
      assert.equal(intent?.why.facts?.tls, true)
    })
  }

  test('H70 a host that is not the one the connection was made for: 421', async () => {
    const answer = await ask({}, 'other.example')
    assert.deepEqual([answer.status, JSON.parse(answer.body).reason], [421, 'host-mismatch'])
  })

  test('H112 a handshake that fails is refused, and in the ledger', async () => {
    const before = (await gateway.exchanges()).length
    await assert.rejects(
      ask({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
    )
    await sleep(100)
    const [refusal, ...more] = (await gateway.exchanges()).slice(before)
    assert.deepEqual(
      [refusal?.kind, refusal?.why.reason, more.length],
      ['refusal', 'malformed-request', 0],
    )
    assert.equal(refusal?.where.address, '127.0.0.1')
  })

  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    test(`a handshake that is broken off is on record from where it was: ${end}`, async () => {
      const count = async () => (await gateway.exchanges()).length
      const before = await count()
      const socket = connectTcp(gateway.tlsPort, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      // The beginning of a ClientHello, whose rest does not come.
      await new Promise((resolve) => socket.write(Buffer.from('1603010200', 'hex'), resolve))
      await sleep(20)
      socket[end]()
      while ((await count()) === before) await sleep(10)
      const [refusal, ...more] = (await gateway.exchanges()).slice(before)
      assert.deepEqual(
        [refusal?.kind, refusal?.why.reason, refusal?.where.address, more.length],
        ['refusal', 'malformed-request', '127.0.0.1', 0],
      )
    })
  }

  test('a protocol that is not spoken here is refused', async () => {
    await assert.rejects(ask({ ALPNProtocols: ['spdy/3'] }))
  })

  for (const [name, names, days, status] of [
    ['of the authority, for the name', ['127.0.0.1'], 1, 200],
    ['for another name', ['other.example'], 1, 502],
    ['that has expired', ['127.0.0.1'], -1, 502],
    ['of an authority nobody trusts', ['127.0.0.1'], 1, 502],
  ] as const) {
    test(`an upstream with a certificate ${name}: ${status}`, async () => {
      const issuer = name.includes('nobody trusts') ? stranger : authority
      const { certificate, key } = issuer.issue(names, days)
      let called = 0
      const server = createServer({ cert: certificate, key }, (_request, response) => {
        called += 1
        response.end('ok')
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
      const own = await startGateway({ upstream: url, upstreamAuthority: authority.pem })
      const response = await fetch(`http://127.0.0.1:${own.port}/`, {
        headers: { authorization: `Bearer ${own.keys.ada}` },
      })
      await response.text()
      const outcome = (await own.exchanges()).findLast(({ kind }) => kind === 'outcome')
      assert.deepEqual([response.status, called], [status, status === 200 ? 1 : 0])
      assert.equal(outcome?.how.error, status === 200 ? undefined : 'upstream-untrusted')
      await own.close()
      server.close()
    })
  }
})

// Several certificates of one listener, chosen by the name that a client asks for; and what a scan
// of the handshake may find.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

describe('certificates by name', { skip }, () => {
  let authority: Authority
  let upstream: UpstreamProcess
  let gateway: TestGateway

  before(async () => {
    authority = makeAuthority()
    upstream = await startUpstream()
    gateway = await startGateway({
      upstream: upstream.url,
      certificate: {
        ...authority.issue(['api.example', 'localhost']),
        further: [
          authority.issue(['*.teams.example', 'orders.example']),
          authority.issue(['one.teams.example', 'api.example']),
        ],
      },
    })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
    authority.remove()
  })

  async function shake(servername: string, more: object = {}): Promise<TLSSocket> {
    const base = {
      host: '127.0.0.1',
      port: gateway.tlsPort,
      ca: authority.pem,
      ALPNProtocols: ['http/1.1'],
    }
    const socket = connect({ ...base, servername, checkServerIdentity: () => undefined, ...more })
    await once(socket, 'secureConnect')
    return socket
  }

  for (const [asked, names] of [
    ['api.example', 'DNS:api.example, DNS:localhost'],
    ['API.Example', 'DNS:api.example, DNS:localhost'],
    ['orders.example', 'DNS:*.teams.example, DNS:orders.example'],
    ['two.teams.example', 'DNS:*.teams.example, DNS:orders.example'],
    ['one.teams.example', 'DNS:one.teams.example, DNS:api.example'],
    ['a.b.teams.example', 'DNS:api.example, DNS:localhost'],
    ['teams.example', 'DNS:api.example, DNS:localhost'],
    ['unknown.example', 'DNS:api.example, DNS:localhost'],
    ['', 'DNS:api.example, DNS:localhost'],
  ] as const) {
    test(`who asks for ${asked === '' ? 'no name' : asked} gets ${names}`, async () => {
      const socket = await shake(asked)
      assert.equal(socket.authorized, true)
      assert.equal(socket.getPeerCertificate().subjectaltname, names)
      socket.destroy()
    })
  }

  test('a renewal replaces every certificate, and cuts no connection', async () => {
    const kept = await shake('orders.example')
    const before = kept.getPeerCertificate().fingerprint256
    gateway.replaceCertificate({
      ...authority.issue(['api.example']),
      further: [authority.issue(['orders.example'])],
    })
    const renewed = await shake('orders.example')
    assert.notEqual(renewed.getPeerCertificate().fingerprint256, before)
    assert.equal(renewed.getPeerCertificate().subjectaltname, 'DNS:orders.example')
    const gone = await shake('two.teams.example')
    assert.equal(gone.getPeerCertificate().subjectaltname, 'DNS:api.example')
    const key = `Authorization: Bearer ${gateway.keys.ada}`
    kept.write(`GET /echo HTTP/1.1\r\nHost: orders.example\r\n${key}\r\n\r\n`)
    const [chunk] = (await once(kept, 'data')) as [Buffer]
    assert.match(chunk.toString('latin1'), /^HTTP\/1\.1 200 /)
    for (const socket of [kept, renewed, gone]) socket.destroy()
  })

  test('who asks for another handshake inside the connection is let go', async () => {
    const socket = await shake('orders.example', { maxVersion: 'TLSv1.2' })
    const closed = once(socket, 'close')
    socket.on('error', () => undefined)
    assert.equal(
      socket.renegotiate({}, () => undefined),
      true,
    )
    await closed
    const refusal = (await gateway.exchanges()).findLast(({ kind }) => kind === 'refusal')
    assert.equal(refusal?.why.reason, 'malformed-request')
  })

  test('a certificate that is of no use changes nothing', async () => {
    const [one, other] = [authority.issue(['x.example']), authority.issue(['y.example'])]
    assert.throws(() =>
      gateway.replaceCertificate({ ...one, further: [{ ...one, key: other.key }] }),
    )
    const socket = await shake('orders.example')
    assert.equal(socket.getPeerCertificate().subjectaltname, 'DNS:orders.example')
    socket.destroy()
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { clientCertificates } from '../../packages/gateway/src/identity/index.ts'
import type { ClientAuthorities } from '../../packages/gateway/src/proxy/index.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import {
  authorityExtensions,
  ClientAuthority,
  type Holder,
  onlyBelow,
  SERVER_AUTH,
  UNKNOWN_CRITICAL,
} from './client-authority.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import { readAnswer } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

const authenticator = clientCertificates({
  name: 'partners',
  rules: [
    {
      from: 'commonName',
      matches: 'ada',
      principal: '{name}',
      kind: 'user',
      groups: ['partners'],
      roles: [],
      scopes: [],
    },
    {
      from: 'dns',
      matches: '*.clients.example',
      principal: 'dns:{name}',
      kind: 'service',
      groups: [],
      roles: [],
      scopes: [],
    },
  ],
})
const POLICIES = `
@id("ada-may") permit (principal == User::"ada", action, resource);
@id("batch-may") permit (principal == Service::"dns:batch.clients.example", action, resource);`

describe('client certificates', { skip }, () => {
  let server: Authority
  let authority: ClientAuthority
  let stranger: ClientAuthority
  let upstream: UpstreamProcess
  let gateway: TestGateway
  let revoked: Holder
  let ada: Holder
  const tls = { certificate: '', key: '' }

  before(async () => {
    server = makeAuthority()
    authority = await ClientAuthority.make()
    stranger = await ClientAuthority.make('CN=somebody else')
    revoked = await authority.issue()
    ada = await authority.issue()
    upstream = await startUpstream()
    Object.assign(tls, server.issue(['api.example']))
    gateway = await startGateway({
      upstream: upstream.url,
      certificate: { ...tls, clientCertificates: await believed('optional', [revoked]) },
      authenticators: [authenticator],
      policies: POLICIES,
    })
  })
  after(async () => {
    await gateway.close()
    await upstream.close()
    server.remove()
  })

  async function believed(show: 'optional' | 'required', gone: readonly Holder[]) {
    return { show, authorities: [authority.pem], revocations: [await authority.revoke(gone)] }
  }

  async function open(options: ConnectionOptions): Promise<TLSSocket> {
    const base = { host: '127.0.0.1', port: gateway.tlsPort, ca: server.pem }
    const socket = connect({ ...base, servername: 'api.example', ...options })
    await once(socket, 'secureConnect')
    return socket
  }

  async function askOn(socket: TLSSocket, fields = '') {
    const head = `GET /echo HTTP/1.1\r\nHost: api.example\r\n${fields}Connection: close\r\n\r\n`
    socket.write(head)
    const chunks: Buffer[] = []
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
    const answer = readAnswer(Buffer.concat(chunks).toString('latin1'))
    const last = (await gateway.exchanges()).findLast(({ kind }) => kind !== 'outcome')
    const fault = last?.why.facts?.fault
    const rule = typeof fault === 'string' ? fault : 'undefined'
    const seen = answer.status === 200 ? 'accepted' : `${last?.why.reason} ${rule}`
    return { ...answer, seen, last }
  }

  async function ask(holder: Holder | undefined, fields = '') {
    const shown = holder === undefined ? {} : { cert: holder.certificate, key: holder.key }
    return askOn(await open(shown), fields)
  }

  test('a certificate is its principal, and stands in the record', async () => {
    const { seen, last } = await ask(ada)
    assert.equal(seen, 'accepted')
    assert.deepEqual(last?.who.principal, { id: 'ada', kind: 'user', issuer: 'partners' })
    assert.equal(last?.who.credential?.method, 'mtls')
    assert.match(last?.who.credential?.proof ?? '', /^-----BEGIN CERTIFICATE-----\n/)
    const { sha256 } = last?.who.credential ?? {}
    assert.equal(last?.where.tls?.clientCertificateSha256, sha256)
    assert.match(sha256 ?? '', /^[0-9a-f]{64}$/)
  })

  test('a name under a pattern is its principal', async () => {
    const names: never = [{ type: 'dns', value: 'BATCH.clients.example' }] as never
    const { last } = await ask(await authority.issue({ subject: 'CN=x', names }))
    assert.equal(last?.who.principal.id, 'dns:batch.clients.example')
  })

  for (const [name, make, want] of [
    ['no certificate', undefined, 'credentials-missing undefined'],
    ['M03 expired', () => authority.issue({ fromDays: -3, toDays: -1 }), 'CERT_HAS_EXPIRED'],
    ['M03 not yet valid', () => authority.issue({ fromDays: 1, toDays: 3 }), 'CERT_NOT_YET_VALID'],
    ['M03 of another authority', () => stranger.issue(), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['M03 for servers only', () => authority.issue({ usage: SERVER_AUTH }), 'INVALID_PURPOSE'],
    ['M03 revoked', async () => revoked, 'CERT_REVOKED'],
    [
      'an authority without a revocation list that is in date',
      async () => (await authority.sub('CN=without list')).issue(),
      'UNABLE_TO_GET_CRL',
    ],
    [
      'a name that no rule knows',
      () => authority.issue({ subject: 'CN=eve' }),
      'certificate-unknown',
    ],
    [
      'two names that match',
      () =>
        authority.issue({
          subject: 'CN=x',
          names: ['a', 'b'].map((it) => ({ type: 'dns', value: `${it}.clients.example` })) as never,
        }),
      'certificate-ambiguous',
    ],
  ] as const) {
    test(`${name}: refused, ${want}`, async () => {
      const { status, seen } = await ask(await make?.())
      assert.equal(status, 401)
      assert.equal(seen, want.includes(' ') ? want : `certificate-refused ${want}`)
    })
  }

  for (const [name, make, want] of [
    [
      'within the name constraints of its authority: accepted',
      async () => {
        const extensions = authorityExtensions(undefined, [onlyBelow('clients.example')])
        const below = await authority.sub('CN=constrained well', extensions)
        return below.issue({ names: [{ type: 'dns', value: 'batch.clients.example' }] as never })
      },
      undefined,
    ],
    [
      'M05 outside the name constraints of its authority',
      async () => {
        const extensions = authorityExtensions(undefined, [onlyBelow('good.example')])
        const below = await authority.sub('CN=constrained', extensions)
        return below.issue({ names: [{ type: 'dns', value: 'a.clients.example' }] as never })
      },
      'UNSPECIFIED',
    ],
    [
      'M05 a chain longer than its authority allows',
      async () => {
        const one = await authority.sub('CN=one', authorityExtensions(0))
        const two = await one.sub('CN=two')
        return two.issue()
      },
      'PATH_LENGTH_EXCEEDED',
    ],
    [
      'M05 a critical extension that nobody knows',
      () => authority.issue({ extensions: [UNKNOWN_CRITICAL] }),
      'UNSPECIFIED',
    ],
    [
      'issued by a certificate that is no authority',
      async () => (await authority.sub('CN=no authority', [])).issue(),
      'INVALID_PURPOSE',
    ],
  ] as const) {
    test(`${name}${want === undefined ? '' : `: refused, ${want}`}`, async () => {
      const { seen } = await withSettings({ show: 'optional', revocations: [] }, async () => {
        return ask(await make())
      })
      assert.equal(seen, want === undefined ? 'accepted' : `certificate-refused ${want}`)
    })
  }

  test('M02 what a client says of certificates reaches no upstream', async () => {
    const names = [
      'X-Client-Cert',
      'X-Forwarded-Client-Cert',
      'Client-Cert',
      'Client-Cert-Chain',
      'X-SSL-Client-Verify',
      'SSL-Client-Cert',
      'X-Client-Cert-Subject',
      'DPoP',
    ]
    const { status, body } = await ask(ada, names.map((name) => `${name}: forged\r\n`).join(''))
    assert.equal(status, 200)
    assert.ok(!body.includes('forged'), body)
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const only = { minVersion: version, maxVersion: version }

    test(`M04 ${version}: a resumed session is the certificate that began it`, async () => {
      const session = await sessionOf({ ...only, cert: ada.certificate, key: ada.key })
      const socket = await open({ ...only, session })
      assert.equal(socket.isSessionReused(), true)
      const { seen, last } = await askOn(socket)
      assert.equal(seen, 'accepted')
      assert.equal(last?.who.principal.id, 'ada')
    })

    test(`M04 ${version}: a session without a certificate stays without one`, async () => {
      const session = await sessionOf(only)
      const socket = await open({ ...only, session, cert: ada.certificate, key: ada.key })
      assert.equal(socket.isSessionReused(), true)
      assert.equal((await askOn(socket)).seen, 'credentials-missing undefined')
    })

    test(`M04 ${version}: a session of a bad certificate stays bad`, async () => {
      const session = await sessionOf({ ...only, cert: revoked.certificate, key: revoked.key })
      const socket = await open({ ...only, session })
      assert.equal(socket.isSessionReused(), true)
      assert.equal((await askOn(socket)).seen, 'certificate-refused CERT_REVOKED')
    })
  }

  async function sessionOf(options: ConnectionOptions): Promise<Buffer> {
    const socket = await open(options)
    // TLS 1.2 has it with the handshake, TLS 1.3 sends it after it.
    const sessions = [socket.getSession() ?? Buffer.alloc(0)]
    socket.on('session', (session) => sessions.push(session))
    await askOn(socket)
    return sessions.at(-1) ?? Buffer.alloc(0)
  }

  test('M04 no early data is offered', async () => {
    const at = ['-connect', `127.0.0.1:${gateway.tlsPort}`, '-servername', 'api.example']
    const client = spawn('openssl', ['s_client', ...at, '-tls1_3', '-ign_eof'])
    client.stdin.write('GET /echo HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n')
    const told: Buffer[] = []
    for await (const chunk of client.stdout as AsyncIterable<Buffer>) told.push(chunk)
    const offers = Buffer.concat(told)
      .toString('latin1')
      .match(/Max Early Data: \d+/g)
    assert.deepEqual([...new Set(offers)], ['Max Early Data: 0'])
  })

  test('a certificate that is revoked while its connection and session live', async () => {
    const shown = { cert: ada.certificate, key: ada.key }
    const session = await sessionOf(shown)
    const living = await open(shown)
    const keys = await believed('optional', [revoked, ada])
    gateway.replaceCertificate({ ...tls, clientCertificates: keys })
    assert.equal((await askOn(living)).seen, 'certificate-refused authorities-replaced')
    const resumed = await open({ ...shown, session })
    assert.equal(resumed.isSessionReused(), false)
    assert.equal((await askOn(resumed)).seen, 'certificate-refused CERT_REVOKED')
    const before = await believed('optional', [revoked])
    gateway.replaceCertificate({ ...tls, clientCertificates: before })
    assert.equal((await ask(ada)).seen, 'accepted')
  })

  test('where one is required nothing at all is served without it', async () => {
    const lists = [await authority.revoke([revoked])]
    await withSettings({ show: 'required', revocations: lists }, async () => {
      assert.equal((await ask(undefined)).seen, 'certificate-refused certificate-missing')
      assert.equal((await ask(revoked)).seen, 'certificate-refused CERT_REVOKED')
      assert.equal((await ask(ada)).seen, 'accepted')
    })
  })

  /** Runs against a gateway of its own. */
  async function withSettings<T>(
    settings: Pick<ClientAuthorities, 'show' | 'revocations'>,
    run: () => Promise<T>,
  ): Promise<T> {
    const shared = gateway
    gateway = await startGateway({
      upstream: upstream.url,
      certificate: { ...tls, clientCertificates: { ...settings, authorities: [authority.pem] } },
      authenticators: [authenticator],
      policies: POLICIES,
    })
    try {
      return await run()
    } finally {
      await gateway.close()
      gateway = shared
    }
  }
})

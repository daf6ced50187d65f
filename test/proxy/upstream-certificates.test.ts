// Upstreams that do not show who they are: each is refused, and the record says what was wrong.
import assert from 'node:assert/strict'
import type { ServerOptions } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { need } from '../needs.ts'
import {
  type BadServer,
  type Issue,
  type Issued,
  LooseAuthority,
  serveTls,
} from './bad-certificates.ts'
import { startGateway, type TestGateway } from './gateway.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })

interface Case {
  readonly sentence: string
  /** What the record says; undefined: it is taken. */
  readonly fault?: string
  readonly issue?: Issue
  readonly by?: 'stranger'
  readonly server?: ServerOptions
  readonly host?: string
  readonly tls?: object
  /** `revoked`: the certificate is on the list that is configured; `stranger`: another's list. */
  readonly revocations?: 'empty' | 'revoked' | 'stranger'
  readonly pin?: 'own' | 'other'
  /** We show a certificate of our own. */
  readonly shows?: true
}

const nullByte = Buffer.from('localhost\0.evil.example')
const nullName = [Buffer.from([0x30, nullByte.length + 2, 0x82, nullByte.length]), nullByte]
const RSA = { rsaBits: 2048 }
const asks = { requestCert: true, rejectUnauthorized: true }
const named = (name: string): Issue => ({ extensions: [`subjectAltName=${name}`] })

const CASES: readonly Case[] = [
  { sentence: 'is taken' },
  { sentence: 'for an address is taken', issue: named('IP:127.0.0.1'), host: '127.0.0.1' },
  {
    sentence: 'for any host of a domain is taken',
    issue: named('DNS:*.example.test'),
    tls: { serverName: 'a.example.test' },
  },
  { sentence: 'with its chain is taken', issue: { through: [], showsChain: true } },
  { sentence: 'with an RSA key of 2048 bits is taken', issue: RSA },
  {
    sentence: 'that has expired',
    issue: { notAfter: '20240101000000Z' },
    fault: 'certificate-expired',
  },
  {
    sentence: 'that is not valid yet',
    issue: { notBefore: '20400101000000Z' },
    fault: 'certificate-not-yet-valid',
  },
  { sentence: 'for another host', issue: named('DNS:other.example'), fault: 'certificate-name' },
  {
    sentence: 'that it signed itself',
    issue: { isSelfSigned: true },
    fault: 'certificate-self-signed',
  },
  { sentence: 'of an unknown authority', by: 'stranger', fault: 'certificate-untrusted' },
  { sentence: 'without its chain', issue: { through: [] }, fault: 'certificate-untrusted' },
  { sentence: 'signed over SHA-1', issue: { hash: 'sha1' }, fault: 'certificate-weak' },
  { sentence: 'with an RSA key of 1024 bits', issue: { rsaBits: 1024 }, fault: 'certificate-weak' },
  {
    sentence: 'whose name is only in its subject',
    issue: { subject: '/CN=localhost', extensions: ['basicConstraints=CA:FALSE'] },
    fault: 'certificate-name',
  },
  {
    sentence: 'with a wildcard of two levels',
    issue: named('DNS:*.*.example.test'),
    tls: { serverName: 'a.b.example.test' },
    fault: 'certificate-name',
  },
  {
    sentence: 'with a wildcard for a host two levels below',
    issue: named('DNS:*.example.test'),
    tls: { serverName: 'a.b.example.test' },
    fault: 'certificate-name',
  },
  {
    sentence: 'with a null byte in its name',
    issue: { extensions: [`2.5.29.17=DER:${Buffer.concat(nullName).toString('hex')}`] },
    fault: 'certificate-name',
  },
  {
    sentence: 'for another address',
    issue: named('IP:127.0.0.2'),
    host: '127.0.0.1',
    fault: 'certificate-name',
  },
  {
    sentence: 'that has an address for a name',
    issue: named('DNS:127.0.0.1'),
    host: '127.0.0.1',
    fault: 'certificate-name',
  },
  {
    sentence: 'of an authority that may not issue for the host',
    issue: { through: ['nameConstraints=critical,permitted;DNS:example.test'], showsChain: true },
    fault: 'certificate-name-constraint',
  },
  {
    sentence: 'for clients only',
    issue: { extensions: ['subjectAltName=DNS:localhost', 'extendedKeyUsage=clientAuth'] },
    fault: 'certificate-purpose',
  },
  {
    sentence: 'and TLS 1.1 at most',
    server: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    fault: 'tls-version',
  },
  {
    sentence: 'and TLS 1.2 where 1.3 is demanded',
    server: { maxVersion: 'TLSv1.2' },
    tls: { minVersion: 'TLSv1.3' },
    fault: 'tls-version',
  },
  {
    sentence: 'and no key agreement',
    issue: RSA,
    server: { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    fault: 'tls-handshake',
  },
  {
    sentence: 'and Diffie-Hellman over a group of its own choice',
    issue: RSA,
    server: { maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256', dhparam: 'auto' },
    fault: 'tls-handshake',
  },
  { sentence: 'that wants one of us, and gets none', server: asks, fault: 'certificate-demanded' },
  {
    sentence: 'that wants one of us, and gets none, in TLS 1.2',
    server: { ...asks, maxVersion: 'TLSv1.2' },
    fault: 'tls-handshake',
  },
  { sentence: 'that wants one of us, and gets it, is taken', server: asks, shows: true },
  { sentence: 'that is not on the list of the revoked is taken', revocations: 'empty' },
  { sentence: 'that was revoked', revocations: 'revoked', fault: 'certificate-revoked' },
  {
    sentence: 'whose authority has no list of the revoked here',
    revocations: 'stranger',
    fault: 'revocation-list-untrusted',
  },
  { sentence: 'with a key that is pinned is taken', pin: 'own' },
  { sentence: 'with a key that is not the pinned one', pin: 'other', fault: 'certificate-pin' },
]

describe('an upstream with a certificate', { skip }, () => {
  let authority: LooseAuthority
  let stranger: LooseAuthority
  let gateway: TestGateway
  let ours: Issued
  const servers: BadServer[] = []

  before(async () => {
    authority = new LooseAuthority()
    stranger = new LooseAuthority()
    ours = authority.issue({ extensions: ['extendedKeyUsage=clientAuth'] })
    const upstreams: Record<string, object> = {}
    const routes: object[] = []
    for (const [at, each] of CASES.entries()) {
      upstreams[`u${at}`] = await prepared(each)
      routes.push({ name: `r${at}`, path: `/${at}`, upstream: `u${at}` })
    }
    gateway = await startGateway({ upstream: 'http://127.0.0.1:1', upstreams, routes })
  })
  after(async () => {
    await gateway.close()
    for (const server of servers) server.close()
    authority.remove()
    stranger.remove()
  })

  async function prepared(each: Case): Promise<object> {
    const issuer = each.by === 'stranger' ? stranger : authority
    const issued = issuer.issue(each.issue)
    const { certificate: cert, key } = issued
    const server = await serveTls({ cert, key, ca: authority.pem, ...each.server }, each.host)
    servers.push(server)
    const pins = { own: issued.pin, other: ours.pin }
    return {
      url: server.url,
      authority: authority.pem,
      tls: {
        ...(each.revocations === undefined ? {} : { revocations: [listOf(each, issued)] }),
        ...(each.pin === undefined ? {} : { pins: [pins[each.pin]] }),
        ...(each.shows === undefined ? {} : { certificate: ours.certificate, key: ours.key }),
        ...each.tls,
      },
    }
  }

  function listOf({ revocations }: Case, issued: Issued): string {
    if (revocations === 'stranger') return stranger.revoke()
    return revocations === 'revoked' ? authority.revoke(issued) : authority.revoke()
  }

  for (const [at, { sentence, fault }] of CASES.entries()) {
    test(fault === undefined ? sentence : `${sentence} is refused`, async () => {
      const headers = { authorization: `Bearer ${gateway.keys.ada}` }
      const response = await fetch(`http://127.0.0.1:${gateway.port}/${at}`, { headers })
      const text = await response.text()
      const outcome = (await gateway.exchanges()).findLast(({ kind }) => kind === 'outcome')
      if (fault === undefined) {
        assert.deepEqual([response.status, text], [200, 'ok'])
        return
      }
      const { via, how } = outcome ?? {}
      // Nothing of a refused handshake helps the next one.
      const again = await fetch(`http://127.0.0.1:${gateway.port}/${at}`, { headers })
      assert.deepEqual(
        [again.status, ((await again.json()) as { reason: string }).reason],
        [502, 'upstream-untrusted'],
      )
      assert.deepEqual([response.status, JSON.parse(text).reason], [502, 'upstream-untrusted'])
      assert.deepEqual([via?.fault, via?.attempts], [fault, 1])
      assert.deepEqual([how?.status, how?.error], [502, 'upstream-untrusted'])
    })
  }
})

// Credentials that show a key, end to end: the program as it is run, over TLS, before a certified
// provider that binds its tokens to DPoP keys and client certificates.
import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, type KeyObject, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { Configuration } from 'oidc-provider'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { freePort } from '../free-port.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from '../proxy/certificates.ts'
import { ClientAuthority, type Holder } from '../proxy/client-authority.ts'
import { run } from '../run-cli.ts'
import { type OpenProvider, startProvider } from './oidc-provider.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })
const RESOURCE = 'https://api.example'
const SECRET = 'a client secret of thirty-two bytes'
const BUNDLE_REFRESH_MS = 1000

const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const workload = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const robot = generateKeyPairSync('ed25519')
const publicJwk = holder.publicKey.export({ format: 'jwk' })

function providerConfiguration(): Configuration {
  const jwk = { ...signer.privateKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256', use: 'sig' }
  const client = {
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256' as const,
  }
  return {
    jwks: { keys: [jwk as never] },
    clients: [
      { client_id: 'proving', ...client },
      { client_id: 'certified', ...client, tls_client_certificate_bound_access_tokens: true },
    ],
    scopes: ['read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      // The provider has no TLS here: a header stands for what its front would say.
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => Buffer.from(ctx.get('x-test-certificate'), 'base64').toString(),
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: 'read',
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }
}

for (const workers of [1, 2]) {
  const name = `credentials that show a key, workers: ${workers}`
  describe(name, { skip }, () => showing(workers))
}

function showing(workers: number): void {
  let directory: string
  let config: string
  let provider: OpenProvider
  let gateway: GatewayLife | undefined
  let server: Authority
  let authority: ClientAuthority
  let mesh: ClientAuthority
  let machine: Holder
  let meshPort: number
  const received: { fields: string[] }[] = []

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-bound-'))
    config = join(directory, 'countersign.yaml')
    provider = await startProvider(providerConfiguration)
    server = makeAuthority()
    authority = await ClientAuthority.make()
    mesh = await ClientAuthority.make('CN=mesh')
    machine = await authority.issue({ subject: 'CN=machine' })
    meshPort = await freePort()
    const upstream = createServer((asked, response) => {
      received.push({ fields: asked.rawHeaders })
      response.end(`hello ${String(asked.headers['countersign-principal'])}`)
    })
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    upstream.unref()
    await layOut((upstream.address() as AddressInfo).port)
    gateway = await startLife(config)
  })
  after(async () => {
    await gateway?.stop('SIGTERM')
    await provider.close()
    server.remove()
    await rm(directory, { recursive: true })
  })

  async function layOut(upstreamPort: number): Promise<void> {
    const write = (name: string, text: string): Promise<void> =>
      writeFile(join(directory, name), text)
    const { certificate, key } = server.issue(['api.example'])
    await mkdir(join(directory, 'policies'))
    await write('policies/all.cedar', 'permit (principal, action, resource);')
    await write('api-keys.yaml', '')
    await write('server.pem', certificate)
    await write('server.key', key)
    await write('clients.pem', authority.pem)
    await write('clients.crl', await authority.revoke([]))
    await writeBundle(mesh)
    const tls = 'certificate: server.pem, key: server.key'
    await write(
      'countersign.yaml',
      `version: 1
workers: ${workers}
origin: countersign.test
data: data
log: { level: silent }
listeners:
  - name: main
    port: 0
    externalUrl: ${RESOURCE}
    tls: { ${tls}, clientCertificates: { authorities: [clients.pem], revocations: [clients.crl] } }
  - name: mesh
    port: ${meshPort}
    tls: { ${tls}, clientCertificates: { spiffe: mesh, show: required } }
admin: { host: 127.0.0.1, port: 0 }
identity:
  keysFile: api-keys.yaml
  issuers:
    - name: id
      issuer: ${provider.issuer}
      allowLoopbackHttp: true
      audiences: [${RESOURCE}]
  certificates:
    - name: machines
      rules: [{ from: commonName, matches: "*", principal: "machine:{name}" }]
  signatures:
    - name: signers
      aheadMs: 0
      keys:
        - id: robot
          principal: robot
          publicKey: ${JSON.stringify(robot.publicKey.export({ type: 'spki', format: 'pem' }))}
  spiffe:
    - name: mesh
      trustDomain: mesh.example
      bundle: { file: bundle.json }
      audiences: [gateway]
      refreshEveryMs: ${BUNDLE_REFRESH_MS}
policies: { directory: policies }
upstreams: { app: { url: "http://127.0.0.1:${upstreamPort}" } }
routes:
  - { name: app, path: /, upstream: app, identity: signed }
`,
    )
  }

  async function writeBundle(of: ClientAuthority): Promise<void> {
    const x5c = [Buffer.from(of.certificate.rawData).toString('base64')]
    const jwt = { ...workload.publicKey.export({ format: 'jwk' }), kid: 'w', use: 'jwt-svid' }
    const keys = [{ kty: 'EC', use: 'x509-svid', x5c }, jwt]
    await writeFile(join(directory, 'bundle.json'), JSON.stringify({ keys }))
  }

  interface Asking {
    readonly port?: number
    readonly headers?: Readonly<Record<string, string>>
    readonly shown?: Holder | undefined
    readonly path?: string
  }

  async function ask({ port, headers, shown, path = '/orders' }: Asking) {
    const asked = request({
      host: '127.0.0.1',
      port: port ?? Number(new URL(gateway?.url ?? '').port),
      path,
      headers: { host: 'api.example', ...headers },
      servername: 'api.example',
      ca: server.pem,
      agent: false,
      ...(shown === undefined ? {} : { cert: shown.certificate, key: shown.key }),
    })
    asked.end()
    const [response] = await once(asked, 'response')
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const reason = response.statusCode === 200 ? body : String(JSON.parse(body).reason)
    return { reason, body, headers: response.headers as Record<string, string | undefined> }
  }

  async function newToken(client: string, headers: Record<string, string>): Promise<string> {
    const basic = Buffer.from(`${client}:${encodeURIComponent(SECRET)}`).toString('base64')
    const answer = await fetch(`${provider.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, ...headers },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: RESOURCE }),
    })
    const said = (await answer.json()) as { access_token?: string }
    return said.access_token ?? assert.fail(JSON.stringify(said))
  }

  function makeProof(claims: Record<string, unknown>): string {
    const asked = { jti: randomUUID(), htm: 'GET', htu: `${RESOURCE}/orders`, iat: nowS() }
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk }
    return signJwt(header, { ...asked, ...claims }, holder.privateKey)
  }

  async function boundToken(): Promise<string> {
    const dpop = makeProof({ htm: 'POST', htu: `${provider.issuer}/token` })
    return newToken('proving', { dpop })
  }

  const ath = (token: string): string => hash('sha256', token, 'base64url')

  async function show(token: string, claims: Record<string, unknown>, more: object = {}) {
    const dpop = makeProof({ ath: ath(token), ...claims })
    const headers = { authorization: `DPoP ${token}`, dpop, ...more }
    return { dpop, ...(await ask({ headers })) }
  }

  async function currentNonce(token: string): Promise<string> {
    const asked = await show(token, {})
    assert.equal(asked.reason, 'proof-nonce')
    assert.match(asked.headers['www-authenticate'] ?? '', /error="use_dpop_nonce"/)
    return asked.headers['dpop-nonce'] ?? assert.fail('no nonce')
  }

  test('D14, D11: after the start a nonce is asked for; a proof with it works once', async () => {
    const token = await boundToken()
    const nonce = await currentNonce(token)
    const first = await show(token, { nonce })
    assert.equal(first.reason, 'hello id%3Aproving')
    const again = { authorization: `DPoP ${token}`, dpop: first.dpop }
    assert.equal((await ask({ headers: again })).reason, 'proof-replayed')
    await gateway?.stop('SIGKILL')
    gateway = await startLife(config)
    assert.equal((await ask({ headers: again })).reason, 'proof-nonce')
  })

  test('D01, D02, D03, D12: a bound token without its proof is worth nothing', async () => {
    const token = await boundToken()
    const nonce = await currentNonce(token)
    const bearer = { authorization: `Bearer ${token}` }
    const dpop = makeProof({ ath: ath(token), nonce })
    const missing = await ask({ headers: { authorization: `DPoP ${token}` } })
    assert.equal(missing.reason, 'proof-missing')
    assert.match(missing.headers['www-authenticate'] ?? '', /^DPoP .*algs="ES256/)
    assert.equal((await ask({ headers: bearer })).reason, 'proof-missing')
    assert.equal((await ask({ headers: { ...bearer, dpop } })).reason, 'proof-missing')
    assert.equal(
      (await show(await boundToken(), { nonce, ath: ath(token) })).reason,
      'proof-invalid',
    )
  })

  test('D08, D09, D15: a proof is for this method and this URL, as clients know it', async () => {
    const token = await boundToken()
    const nonce = await currentNonce(token)
    const reasonOf = async (claims: object, more?: object): Promise<string> => {
      return (await show(token, { nonce, ...claims }, more)).reason
    }
    assert.equal(await reasonOf({ htm: 'POST' }), 'proof-invalid')
    assert.equal(await reasonOf({ htu: `${gateway?.url}/orders` }), 'proof-invalid')
    const evil = { htu: 'https://evil.example/orders' }
    const forwarded = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    assert.equal(await reasonOf(evil, forwarded), 'proof-invalid')
    assert.equal(await reasonOf({}, forwarded), 'hello id%3Aproving')
    const spelled = { htu: 'HTTPS://API.example:443/orders?x#y' }
    assert.equal(await reasonOf(spelled), 'hello id%3Aproving')
  })

  test('M01: a token bound to a certificate, with it, without it, with another', async () => {
    const shownCertificate = Buffer.from(machine.certificate).toString('base64')
    const token = await newToken('certified', { 'x-test-certificate': shownCertificate })
    const headers = { authorization: `Bearer ${token}` }
    assert.equal((await ask({ headers, shown: machine })).reason, 'hello id%3Acertified')
    assert.equal((await ask({ headers })).reason, 'proof-missing')
    const other = await authority.issue({ subject: 'CN=machine' })
    assert.equal((await ask({ headers, shown: other })).reason, 'proof-invalid')
  })

  test('a certificate alone is who the rules say', async () => {
    assert.equal((await ask({ shown: machine })).reason, 'hello machine%3Amachine')
    const stranger = await (await ClientAuthority.make('CN=stranger')).issue()
    assert.equal((await ask({ shown: stranger })).reason, 'certificate-refused')
  })

  test('a certificate that is revoked while the gateway runs', async () => {
    const gone = await authority.issue({ subject: 'CN=gone' })
    assert.equal((await ask({ shown: gone })).reason, 'hello machine%3Agone')
    await writeFile(join(directory, 'clients.crl'), await authority.revoke([gone]))
    await waitFor(async () => (await ask({ shown: gone })).reason === 'certificate-refused')
    assert.equal((await ask({ shown: machine })).reason, 'hello machine%3Amachine')
  })

  function signedFields(): Record<string, string> {
    const covered = '("@method" "@target-uri")'
    const parameters = `${covered};created=${nowS()};keyid="robot";nonce="${randomUUID()}"`
    const base = [
      '"@method": GET',
      `"@target-uri": ${RESOURCE}/orders`,
      `"@signature-params": ${parameters}`,
    ].join('\n')
    const signature = sign(null, Buffer.from(base), robot.privateKey).toString('base64')
    return { 'signature-input': `s=${parameters}`, signature: `s=:${signature}:` }
  }

  test('a signed request, by a key of the configuration', async () => {
    // What was signed in the second of the start may have been used before it: sign once more.
    let headers: Record<string, string> = {}
    await waitFor(async () => {
      headers = signedFields()
      return (await ask({ headers })).reason === 'hello robot'
    })
    assert.equal((await ask({ headers })).reason, 'proof-replayed')
    const both = { ...headers, authorization: `Bearer ${await boundToken()}` }
    assert.equal((await ask({ headers: both })).reason, 'credentials-ambiguous')
  })

  test('the upstream can check who it is with the keys that the gateway shows', async () => {
    await ask({ shown: machine })
    const { fields } = received.at(-1) ?? assert.fail('nothing came')
    const statement = fields[fields.indexOf('countersign-identity') + 1] ?? ''
    const shown = await ask({ path: '/.well-known/countersign/jwks.json' })
    const keys = createLocalJWKSet(JSON.parse(shown.body))
    const rules = { issuer: gateway?.origin ?? '', audience: 'app', algorithms: ['EdDSA'] }
    const { sub, ledger } = (await jwtVerify(statement, keys, rules)).payload
    assert.equal(sub, 'machine:machine')
    assert.equal(typeof (ledger as { index: unknown }).index, 'number')
  })

  const svid = (of: ClientAuthority, value: string): Promise<Holder> =>
    of.issue({ subject: 'CN=ada', names: [{ type: 'url', value }] as never })

  test('an X.509-SVID, and the bundle of its trust domain rotated', async () => {
    const id = 'spiffe://mesh.example/ns/prod/sa/batch'
    const shown = await svid(mesh, id)
    const port = meshPort
    assert.equal((await ask({ port, shown })).reason, `hello ${encodeURIComponent(id)}`)
    assert.equal((await ask({ port })).reason, 'certificate-refused')
    const foreign = await svid(mesh, 'spiffe://other.example/x')
    assert.equal((await ask({ port, shown: foreign })).reason, 'certificate-refused')
    // Of the other listener's authority, and with a name that its rules would take.
    assert.equal((await ask({ port, shown: machine })).reason, 'certificate-refused')
    const next = await ClientAuthority.make('CN=mesh 2')
    await writeBundle(next)
    const renewed = await svid(next, id)
    await waitFor(async () => (await ask({ port, shown: renewed })).reason.startsWith('hello'))
    // Each worker reads the bundle for itself, so the next to answer may know the old one yet.
    await waitFor(async () => (await ask({ port, shown })).reason === 'certificate-refused')
  })

  test('a JWT-SVID', async () => {
    const sub = 'spiffe://mesh.example/ns/prod/sa/web'
    const shown = async (audience: string): Promise<string> => {
      const header = { alg: 'ES256', kid: 'w', typ: 'JWT' }
      const claims = { sub, aud: [audience], exp: nowS() + 300 }
      const headers = { authorization: `Bearer ${signJwt(header, claims, workload.privateKey)}` }
      return (await ask({ headers })).reason
    }
    assert.equal(await shown('gateway'), `hello ${encodeURIComponent(sub)}`)
    assert.equal(await shown('somebody else'), 'credentials-invalid')
  })

  test('the ledger holds the proofs, and verifies', async () => {
    const answer = await ask({ shown: machine })
    const [, index] = /index=(\d+)/.exec(answer.headers['countersign-receipt'] ?? '') ?? []
    await gateway?.stop('SIGTERM')
    gateway = undefined
    const data = join(directory, 'data')
    const show = async (place = ''): Promise<string> =>
      (await run(['show', place, '--data', data, '--json'])).out
    // A fold of what was refused may stand between the outcome and its intent.
    const [, intent] = /"about":\{[^}]*"index":(\d+)/.exec(await show(index)) ?? []
    assert.match(await show(intent), /"proof":"-----BEGIN CERTIFICATE-----/)
    const { exit, out, err } = await run(['verify', data, '--no-memory'])
    assert.equal(exit, 0, out + err)
  })
}

function signJwt(header: object, claims: object, key: KeyObject): string {
  const parts = [header, claims].map((part) => {
    return Buffer.from(JSON.stringify(part)).toString('base64url')
  })
  const bytes = Buffer.from(parts.join('.'))
  const signature = sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
  return [...parts, signature.toString('base64url')].join('.')
}

function nowS(): number {
  return Math.floor(Date.now() / 1000)
}

// A SPIFFE trust bundle from a server, as the program opens it: over TLS under an authority of its
// own, read again, and neither from somebody else nor from where a redirect leads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { realMachine } from '../../packages/gateway/src/compose/machine.ts'
import {
  type OpenSpiffe,
  openSpiffe,
  type SpiffeNeeds,
} from '../../packages/gateway/src/compose/open-spiffe.ts'
import type { Config } from '../../packages/gateway/src/config/index.ts'
import {
  identityConfigSchema,
  Presented,
  senderConstraints,
} from '../../packages/gateway/src/identity/index.ts'
import { makeAuthority } from '../proxy/certificates.ts'
import { ecKey, published, type SigningKey, signToken } from './issuer.ts'

const authority = makeAuthority()
const directory = mkdtempSync(join(tmpdir(), 'countersign-bundle-'))
const pem = join(directory, 'ca.pem')
const [first, second] = [ecKey('a'), ecKey('b')]
const use = { use: 'jwt-svid' }
let answer: { readonly status: number; readonly body: object; readonly location?: string }
let server: Server

before(async () => {
  writeFileSync(pem, authority.pem)
  const { certificate: cert, key } = authority.issue(['localhost'])
  server = createServer({ cert, key }, (_, response) => {
    const { status, body, location } = answer
    response.writeHead(status, location === undefined ? {} : { location })
    response.end(JSON.stringify(body))
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
})

after(() => {
  server.closeAllConnections()
  server.close()
  authority.remove()
  rmSync(directory, { recursive: true })
})

async function open(bundle: object, told: string[]): Promise<OpenSpiffe> {
  const { port } = server.address() as AddressInfo
  const spiffe = {
    name: 'mesh',
    trustDomain: 'example.org',
    audiences: ['gateway'],
    refreshEveryMs: 1000,
    bundle: { url: `https://localhost:${port}/bundle`, ...bundle },
  }
  const identity = identityConfigSchema.parse({ keysFile: 'keys.yaml', spiffe: [spiffe] })
  const warn = ({ err }: { readonly err: Error }): number => told.push(err.message)
  const log = { info: () => undefined, warn } as unknown as SpiffeNeeds['log']
  return openSpiffe({ identity } as Config, realMachine(), {
    http: { request: () => Promise.reject(new Error('the bundle has an authority of its own')) },
    log,
    check: { binding: senderConstraints({}), revocations: { isRevoked: () => false } },
    onTrustChange: () => undefined,
  })
}

async function show({ authenticators }: OpenSpiffe, key: SigningKey): Promise<string> {
  const end = Math.floor(realMachine().clock.nowUs() / 1_000_000) + 60
  const claims = { sub: 'spiffe://example.org/x', aud: ['gateway'], exp: end }
  const token = signToken({ alg: 'ES256', typ: 'JWT', kid: key.jwk.kid }, claims, key)
  const presented = new Presented({
    method: 'GET',
    url: () => 'https://api.example/',
    fields: [['Authorization', `Bearer ${token}`]],
    hasBody: false,
    peer: { address: '192.0.2.1' },
    atUs: realMachine().clock.nowUs(),
  })
  const svids = authenticators.find((each) => each.recognises(presented))
  const found = await svids?.authenticate(presented)
  if (found === undefined) return 'nobody recognises it'
  return found.known ? found.principal.id : found.reason
}

/** Waits for what a refresh in the background brings. */
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('it never came')
}

test('a bundle comes over TLS, and is read again', async () => {
  answer = { status: 200, body: { keys: [published(first, use)] } }
  const spiffe = await open({ authority: pem }, [])
  await until(async () => (await show(spiffe, first)) === 'spiffe://example.org/x')
  assert.equal(await show(spiffe, second), 'credentials-invalid')
  answer = { status: 200, body: { keys: [published(second, use)] } }
  await until(async () => (await show(spiffe, second)) === 'spiffe://example.org/x')
  assert.equal(await show(spiffe, first), 'credentials-invalid')
  answer = { status: 500, body: {} }
  assert.equal(await show(spiffe, second), 'spiffe://example.org/x', 'the last one is believed')
  await spiffe.close()
})

test('a redirect is no bundle, wherever it leads', async () => {
  answer = { status: 302, body: { keys: [published(first, use)] }, location: 'https://localhost/' }
  const told: string[] = []
  const spiffe = await open({ authority: pem }, told)
  await until(() => told.some((line) => line.includes('status 302')))
  assert.equal(await show(spiffe, first), 'credentials-unverifiable')
  await spiffe.close()
})

test('a server under an authority that nobody named is not believed', async () => {
  answer = { status: 200, body: { keys: [published(first, use)] } }
  const other = makeAuthority()
  const path = join(directory, 'other.pem')
  writeFileSync(path, other.pem)
  other.remove()
  const told: string[] = []
  const spiffe = await open({ authority: path }, told)
  await until(() => told.length > 0)
  assert.equal(await show(spiffe, first), 'credentials-unverifiable')
  await spiffe.close()
})

// What may change while the gateway runs, what may not, and what the ledger then tells.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { claimData } from '../../packages/gateway/src/compose/claim.ts'
import { type Gateway, openGateway } from '../../packages/gateway/src/compose/gateway.ts'
import { realMachine } from '../../packages/gateway/src/compose/machine.ts'
import { prepare } from '../../packages/gateway/src/compose/prepare.ts'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import {
  JumpingClock,
  type Ownership,
  systemClock,
  systemRandom,
} from '../../packages/gateway/src/platform/index.ts'
import { waitFor } from '../demo-process.ts'
import { freePort } from '../free-port.ts'
import { makeAuthority } from '../proxy/certificates.ts'
import { type Ran, run } from '../run-cli.ts'

const making = { clock: systemClock(), random: systemRandom() }
const ada = createKey('', { principal: 'ada' }, making)
const ops = createKey(ada.text, { principal: 'ops' }, making)
const POLICY = '@id("ada") permit (principal == User::"ada", action, resource);\n'

describe('changes while it runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-changes-'))
  const config = join(directory, 'gateway.yaml')
  const data = join(directory, 'data')
  const policies = join(directory, 'policies')
  const authority = makeAuthority()
  let upstream: Server
  let gateway: Gateway | undefined
  let ownership: Ownership | undefined
  let base: string
  let [plainPort, tlsPort, morePort] = [0, 0, 0]

  before(async () => {
    upstream = createServer((request, response) => {
      if (request.url === '/stream') {
        response.setHeader('content-type', 'text/event-stream')
        return response.write('data: the beginning')
      }
      const late = request.url === '/slow' ? 500 : 0
      return setTimeout(() => response.end(request.url), late)
    })
    await listening(upstream)
    ;[plainPort, tlsPort, morePort] = [await freePort(), await freePort(), await freePort()]
    mkdirSync(policies)
    writeFileSync(join(directory, 'keys.yaml'), ops.text)
    writeFileSync(join(policies, 'a.cedar'), POLICY)
    writeCertificate()
    base = configText((upstream.address() as AddressInfo).port)
    writeFileSync(config, base)
    const machine = realMachine()
    ownership = await claimData(machine, data)
    gateway = await openGateway(await prepare(config), machine)
    // The first checkpoint comes within a second; before that there is no log to read.
    await waitFor(async () => (await cli('config', 'history', '--data', data)).exit === 0)
  })

  after(async () => {
    await gateway?.close()
    await ownership?.release()
    upstream.close()
    upstream.closeAllConnections()
    authority.remove()
    rmSync(directory, { recursive: true })
  })

  function configText(port: number): string {
    return `version: 1
data: data
log: { level: silent }
listeners:
  - { name: plain, port: ${plainPort} }
  - { name: tls, port: ${tlsPort}, tls: { certificate: cert.pem, key: key.pem } }
admin: { port: 0, roles: { operator: [{ principal: ops }] } }
identity: { keysFile: keys.yaml }
policies: { directory: policies }
upstreams:
  up: { url: "http://127.0.0.1:${port}" }
routes:
  - { name: all, path: /, upstream: up }
`
  }

  function writeCertificate(): void {
    const { certificate, key } = authority.issue(['localhost'])
    writeFileSync(join(directory, 'cert.pem'), certificate)
    writeFileSync(join(directory, 'key.pem'), key)
  }

  function cli(...args: readonly string[]): Promise<Ran> {
    return run(args, { environment: { COUNTERSIGN_KEY: ops.token } })
  }

  function adminUrl(): string {
    return gateway?.addresses.find((address) => address.startsWith('admin '))?.split(' ')[1] ?? ''
  }

  function reload(): Promise<Ran> {
    return cli('reload', '--admin', adminUrl())
  }

  async function history(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const { out, err } = await cli('config', 'history', '--data', data, '--json')
    assert.equal(err, '')
    return (JSON.parse(out) as { readonly changes: readonly Record<string, unknown>[] }).changes
  }

  function shownChange(index: unknown, ...more: readonly string[]): Promise<Ran> {
    return cli('config', 'history', '--data', data, '--show', String(index), ...more)
  }

  async function status(port: number, path = '/', token = ada.token): Promise<number> {
    const url = `http://127.0.0.1:${port}${path}`
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    await response.arrayBuffer()
    return response.status
  }

  test('a policy file is taken up by itself, and the difference is in the ledger', async () => {
    assert.equal(await status(plainPort, '/', ops.token), 403)
    writeFileSync(
      join(policies, 'b.cedar'),
      '// from now on\n@id("ops") permit (principal == User::"ops", action, resource);\n',
    )
    await waitFor(async () => (await status(plainPort, '/', ops.token)) === 200)
    const change = (await history()).at(-1)
    assert.deepEqual([change?.kind, change?.act, change?.by], ['policy', 'loaded', 'file'])
    const shown = await shownChange(change?.index)
    assert.match(shown.out, /\+\+\+ b\.cedar@\d+\n@@ -0,0 \+1,2 @@\n\+\/\/ from now on\n\+@id/)
  })

  test('a signal that says so changes nothing where nothing has changed', async () => {
    const told = await gateway?.reload({ by: 'signal' })
    assert.equal(told?.kind, 'unchanged')
    const said = await reload()
    assert.equal(said.exit, 0, said.err)
    assert.match(said.out, /^unchanged\n {2}configuration [0-9a-f]{64}\n/)
  })

  test('a listener comes and goes, and connections to the others stay', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const first = await localPort(agent, plainPort)
    writeFileSync(
      config,
      base.replace(/( {2}- \{ name: tls)/, `  - { name: more, port: ${morePort} }\n$1`),
    )
    assert.equal((await reload()).exit, 0)
    assert.equal(await status(morePort), 200)
    assert.equal(await localPort(agent, plainPort), first, 'the same connection')

    const slow = status(morePort, '/slow')
    await new Promise((resolve) => setTimeout(resolve, 100))
    writeFileSync(config, base)
    assert.equal((await reload()).exit, 0)
    assert.equal(await slow, 200, 'what was under way ends well')
    await assert.rejects(status(morePort), 'nobody listens there any more')
    assert.equal(await localPort(agent, plainPort), first, 'the same connection still')
    agent.destroy()
  })

  test('a renewed certificate is shown from the next handshake on', async () => {
    const old = await handshake(tlsPort, authority.pem)
    const before = (await history()).at(-1)
    writeCertificate()
    assert.equal((await reload()).exit, 0)
    const renewed = await handshake(tlsPort, authority.pem)
    assert.notEqual(fingerprintOf(renewed), fingerprintOf(old))
    assert.equal(old.destroyed, false, 'the connection that was there stays')
    const change = (await history()).at(-1)
    assert.equal(change?.kind, 'config')
    assert.notEqual(change?.index, before?.index, 'a file that it names is part of it')
    for (const socket of [old, renewed]) socket.destroy()
  })

  for (const [name, edit, problem] of [
    ['an unknown key', (text: string) => `${text}bogus: 1\n`, /gateway\.yaml:14: bogus: unknown/],
    [
      'another data directory',
      (text: string) => text.replace('data: data', 'data: other'),
      /data: cannot change while the gateway runs: restart it/,
    ],
    [
      'another heartbeat',
      (text: string) => `${text}ledger: { heartbeatEveryMs: 30000 }\n`,
      /ledger\.heartbeatEveryMs: cannot change/,
    ],
    [
      'another address of the control plane',
      (text: string) => text.replace('admin: { port: 0', 'admin: { port: 1'),
      /admin\.port: cannot change/,
    ],
    [
      'a certificate that is not there',
      (text: string) => text.replace('cert.pem', 'none.pem'),
      /listeners\[1\]\.tls\.certificate: cannot read .*none\.pem/,
    ],
    [
      'a certificate that is none',
      (text: string) => text.replace('certificate: cert.pem', 'certificate: keys.yaml'),
      /listener tls: certificate and key are of no use/,
    ],
    [
      'TLS that goes',
      (text: string) => text.replace(/, tls: \{.*?\}/, ''),
      /listener tls: tls cannot change at an address that is open/,
    ],
    [
      'policies that are not there',
      (text: string) => text.replace('directory: policies', 'directory: none'),
      /policies\.directory/,
    ],
    [
      'a route to nowhere',
      (text: string) => text.replace('upstream: up', 'upstream: pu'),
      /no upstream is called pu \(did you mean up\?\)/,
    ],
    [
      'an authenticator that is not there',
      (text: string) => text.replace('upstream: up }', 'upstream: up, authenticators: [jwt] }'),
      /jwt/,
    ],
  ] as const) {
    test(`${name} is refused, told and on record, and the old one stays in force`, async () => {
      writeFileSync(config, edit(base))
      const { exit, err } = await reload()
      assert.equal(exit, 1, err)
      assert.match(err, problem)
      assert.equal(await status(plainPort), 200)
      const change = (await history()).at(-1)
      assert.deepEqual([change?.kind, change?.act, change?.by], ['config', 'refused', 'admin'])
      assert.match(String(change?.who), /^[0-9a-f]{32}$/)
      assert.equal(change?.from, '127.0.0.1')
      assert.match(JSON.stringify(change?.problems), /./)
      writeFileSync(config, base)
      assert.match((await reload()).out, /^unchanged/)
    })
  }

  test('a file that goes is refused and on record once, and is taken when it is back', async () => {
    const before = (await history()).length
    rmSync(config)
    await waitFor(async () => (await history()).length > before)
    // Long enough for the files to be looked at again.
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const since = (await history()).slice(before)
    assert.deepEqual(
      since.map(({ kind, act, by }) => [kind, act, by]),
      [['config', 'refused', 'file']],
    )
    assert.match(JSON.stringify(since), /cannot read .*gateway\.yaml/)
    assert.equal(await status(plainPort), 200)
    const asked = await reload()
    assert.equal(asked.exit, 1)
    assert.match(asked.err, /cannot read .*gateway\.yaml/)
    writeFileSync(config, base)
    assert.match((await reload()).out, /^unchanged/)
  })

  test('a directory in the name of an epoch is none to those who read a ledger', async () => {
    const planted = join(data, '2')
    mkdirSync(planted)
    for (const args of [
      ['show', '0'],
      ['prove', '0'],
      ['config', 'history'],
    ]) {
      const { exit, out, err } = await cli(...args, '--data', data)
      assert.equal(exit, 0, `${args.join(' ')}: ${out}${err}`)
    }
    rmSync(planted, { recursive: true })
  })

  test('where no record can have the time, nothing is opened', async () => {
    const clock = new JumpingClock(systemClock())
    for (const to of ['1969-12-31', '2256-01-01']) {
      clock.set(Date.parse(to) - Date.now())
      const opening = openGateway(await prepare(config), { ...realMachine(), clock })
      await assert.rejects(opening, /the clock says [\d-]{10}T.*Set the clock, then start again/)
    }
  })

  test('an address that somebody else has is refused, and what was bound is let go', async () => {
    const taken = (upstream.address() as AddressInfo).port
    const more = [morePort, taken].map((port) => `  - { name: p${port}, port: ${port} }\n`).join('')
    writeFileSync(config, base.replace('listeners:\n', `listeners:\n${more}`))
    const { exit, err } = await reload()
    assert.equal(exit, 1)
    assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken}`))
    await assert.rejects(status(morePort))
    writeFileSync(config, base)
    await reload()
  })

  test('a policy that is wrong is told with line and column', async () => {
    writeFileSync(
      join(policies, 'c.cedar'),
      '\npermit (principal == Usr::"x", action, resource);\n',
    )
    const { exit, err } = await reload()
    assert.equal(exit, 1)
    assert.match(err, /c\.cedar:2:\d+: /)
    rmSync(join(policies, 'c.cedar'))
    await reload()
  })

  test('the difference to what is in force, by the ledger and by the gateway', async () => {
    const ledger = ['config', 'diff', '--config', config]
    const running = [...ledger, '--admin', adminUrl()]
    for (const args of [ledger, running]) {
      const { exit, out, err } = await cli(...args)
      assert.equal(exit, 0, out + err)
      assert.equal(out, 'no difference\n')
    }
    writeFileSync(config, base.replace('- { name: all,', '- { name: everything,'))
    for (const args of [ledger, running]) {
      const { exit, out } = await cli(...args)
      assert.equal(exit, 1)
      assert.match(out, /\n-\s+- \{ name: all, .*\n\+\s+- \{ name: everything,/)
    }
    writeFileSync(config, base)
    await reload()
  })

  test('policies that no single record holds are on record whole', async () => {
    const text = `${POLICY.replace('"ada"', '"big"')}// ${'x'.repeat(200_000)}\n`
    writeFileSync(join(policies, 'd.cedar'), text)
    assert.equal((await reload()).exit, 0)
    const change = (await history()).at(-1)
    const shown = await shownChange(change?.index, '--json')
    const { files } = JSON.parse(shown.out) as {
      readonly files: readonly { readonly name: string; readonly text: string }[]
    }
    assert.equal(files.find(({ name }) => name === 'd.cedar')?.text, text)
  })

  test('a secret has no place in the file', () => {
    assert.doesNotMatch(readFileSync(config, 'utf8'), /cs_|BEGIN/)
  })

  test('what began two changes ago is cut all the same when its key is revoked', async () => {
    const headers = { authorization: `Bearer ${ada.token}` }
    const { body } = await fetch(`http://127.0.0.1:${plainPort}/stream`, { headers })
    const reader = body?.getReader()
    await reader?.read()
    // The first change keeps what identifies, the second replaces it.
    const routes = base.replace('- { name: all,', '- { name: everything,')
    writeFileSync(config, routes)
    assert.equal((await reload()).exit, 0)
    symlinkSync('keys.yaml', join(directory, 'same-keys.yaml'))
    writeFileSync(config, routes.replace('keysFile: keys', 'keysFile: same-keys'))
    assert.equal((await reload()).exit, 0)
    const cut = assert.rejects(async () => reader?.read())
    writeFileSync(join(directory, 'keys.yaml'), createKey('', { principal: 'eve' }, making).text)
    const late = new Promise<string>((resolve) => setTimeout(resolve, 10_000, 'late').unref())
    assert.notEqual(await Promise.race([cut, late]), 'late', 'it goes on without a key')
  })
})

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
}

/** The port that a connection of the agent comes from: one connection has one. */
function localPort(agent: Agent, port: number): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${ada.token}` }
  return new Promise((resolve, reject) => {
    const asked = get({ agent, port, host: '127.0.0.1', headers }, (answer: IncomingMessage) => {
      const from = asked.socket?.localPort
      assert.equal(answer.statusCode, 200)
      answer.resume().on('end', () => resolve(from))
    })
    asked.on('error', reject)
  })
}

function handshake(port: number, ca: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
      resolve(socket)
    })
    socket.on('error', reject)
  })
}

function fingerprintOf(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256
}

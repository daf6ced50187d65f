// `countersign doctor` on a real directory, real certificates and real listeners: each thing that
// would keep a gateway from serving is named, with what to do, and the rest is called sound.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { Finding } from '../../packages/gateway/src/cli/index.ts'
import { examineClock } from '../../packages/gateway/src/compose/doctor/clock.ts'
import { realMachine } from '../../packages/gateway/src/compose/machine.ts'
import { prepare } from '../../packages/gateway/src/compose/prepare.ts'
import { JumpingClock, systemClock } from '../../packages/gateway/src/platform/index.ts'
import { type Authority, makeAuthority } from '../proxy/certificates.ts'
import { run } from '../run-cli.ts'

let authority: Authority
let root: string
let port: number
let tlsPort: number
const closing: (() => void)[] = []

before(async () => {
  authority = makeAuthority()
  root = mkdtempSync(join(tmpdir(), 'doctor-'))
  const plain = createServer((socket) => socket.on('error', () => undefined).resume())
  const { certificate: cert, key } = authority.issue(['upstream.test'])
  const tls = createTlsServer({ cert, key }, (socket) => socket.resume())
  tls.on('tlsClientError', () => undefined)
  for (const server of [plain, tls]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => server.close())
  }
  port = portOf(plain)
  tlsPort = portOf(tls)
})
after(() => {
  for (const close of closing) close()
  rmSync(root, { recursive: true })
  authority.remove()
})

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

interface Setting {
  readonly upstream?: string
  readonly listener?: string
  readonly more?: string
  readonly certificate?: { readonly certificate: string; readonly key: string }
}

/** A directory as an operator has it, with a mode for each file. */
function place(name: string, { upstream, listener, more, certificate }: Setting): string {
  const directory = join(root, name)
  mkdirSync(join(directory, 'policies'), { recursive: true })
  mkdirSync(join(directory, 'data', 'keys'), { recursive: true, mode: 0o700 })
  const put = (file: string, text: string, mode = 0o600): void => {
    writeFileSync(join(directory, file), text)
    chmodSync(join(directory, file), mode)
  }
  put('keys.yaml', '')
  put('policies/all.cedar', 'permit (principal, action, resource);')
  put('ca.pem', authority.pem)
  if (certificate !== undefined) {
    put('tls.crt', certificate.certificate)
    put('tls.key', certificate.key)
  }
  put(
    'countersign.yaml',
    `version: 1
listeners: [{ name: main, host: 127.0.0.1, port: 0${listener ?? ''} }]
identity: { keysFile: keys.yaml }
policies: { directory: policies }
upstreams: { orders: ${upstream ?? `{ url: "http://127.0.0.1:${port}" }`} }
routes: [{ name: all, path: /, upstream: orders }]
${more ?? ''}`,
  )
  return directory
}

async function examine(directory: string): Promise<{ exit: number; findings: readonly Finding[] }> {
  const { exit, out, err } = await run(['doctor', join(directory, 'countersign.yaml'), '--json'])
  assert.equal(err, '')
  return { exit, findings: (JSON.parse(out) as { findings: Finding[] }).findings }
}

const TLS = ', tls: { certificate: tls.crt, key: tls.key }'

test('what is sound is called sound, and nothing is left behind', async () => {
  const directory = place('sound', {
    listener: TLS,
    certificate: authority.issue(['main.test'], 90),
  })
  const { exit, findings } = await examine(directory)
  assert.deepEqual(
    findings.filter(({ state }) => state === 'failure'),
    [],
  )
  assert.equal(exit, 0)
  const topics = new Set(findings.map(({ topic }) => topic))
  for (const topic of [
    'configuration',
    'certificate',
    'clock',
    'disk',
    'permissions',
    'upstream',
  ]) {
    assert.ok(topics.has(topic), topic)
  }
  assert.deepEqual(readdirSync(join(directory, 'data')), ['keys'])
})

for (const [name, setting, topic, says, advice] of [
  [
    'an upstream where nothing listens',
    () => ({ upstream: '{ url: "http://127.0.0.1:1" }' }),
    'upstream',
    /127\.0\.0\.1:1 .*econnrefused/,
    /nothing listens/,
  ],
  [
    'a name that nobody knows',
    () => ({ upstream: '{ url: "http://nobody.invalid:80" }' }),
    'upstream',
    /name-unresolved/,
    /resolver/,
  ],
  [
    'an upstream whose authority is not named',
    () => ({
      upstream: `{ url: "https://127.0.0.1:${tlsPort}", tls: { serverName: upstream.test } }`,
    }),
    'upstream',
    /certificate-untrusted/,
    /upstreams\.orders\.authority/,
  ],
  [
    'an upstream with the certificate of another',
    () => ({
      upstream: `{ url: "https://127.0.0.1:${tlsPort}", authority: ca.pem,
  tls: { serverName: other.test } }`,
    }),
    'upstream',
    /certificate-name/,
    /serverName/,
  ],
  [
    'a certificate that ended',
    () => ({ listener: TLS, certificate: authority.issue(['main.test'], -1) }),
    'certificate',
    /expired/,
    /renew/,
  ],
  [
    'a certificate that ends within two weeks',
    () => ({ listener: TLS, certificate: authority.issue(['main.test'], 3) }),
    'certificate',
    /[23] days left/,
    /renew/,
  ],
  ['a misspelled key', () => ({ more: 'polices: {}' }), 'configuration', /polices/, undefined],
] as const) {
  test(`${name} is named, with what to do`, async () => {
    const directory = place(name.replaceAll(' ', '-'), setting())
    const { exit, findings } = await examine(directory)
    const bad = findings.filter(({ state }) => state !== 'ok')
    const found = bad.find((finding) => finding.topic === topic && says.test(finding.says))
    assert.ok(found, JSON.stringify(bad))
    assert.equal(exit, found.state === 'failure' ? 1 : 0)
    if (advice !== undefined) assert.match(found.advice ?? '', advice)
  })
}

test('keys that a ledger needs and that are gone are named', async () => {
  const directory = place('keys-gone', {})
  mkdirSync(join(directory, 'data', '1', 'log'), { recursive: true })
  writeFileSync(join(directory, 'data', '1', 'log', 'checkpoint'), 'a checkpoint')
  const file = join(directory, 'data', 'keys', 'standing.keys')
  const seen = async (): Promise<Finding | undefined> => {
    return (await examine(directory)).findings.find(({ topic }) => topic === 'keys')
  }
  const gone = await seen()
  assert.deepEqual([gone?.subject, gone?.state], [file, 'failure'])
  assert.match(gone?.advice ?? '', /restore data\/keys/)
  writeFileSync(file, '', { mode: 0o600 })
  assert.equal((await seen())?.state, 'ok')
})

test('a clock at which no record can be written is named', async () => {
  const directory = place('clock', {})
  const clock = new JumpingClock(systemClock())
  clock.set(Date.parse('1969-12-31') - Date.now())
  const { config } = await prepare(join(directory, 'countersign.yaml'))
  const found = examineClock(config, { ...realMachine(), clock })
  const { value: first } = await found.next()
  await found.return(undefined)
  assert.equal(first?.state, 'failure')
  assert.match(first.says, /the clock says 19.*: records have times from 1970 to 2255/)
  assert.match(first.advice ?? '', /set the clock/)
})

test('a secret that others can read is named, with the command that mends it', async () => {
  const directory = place('open', {})
  chmodSync(join(directory, 'keys.yaml'), 0o644)
  chmodSync(join(directory, 'data', 'keys'), 0o755)
  chmodSync(join(directory, 'policies'), 0o777)
  const { exit, findings } = await examine(directory)
  assert.equal(exit, 1)
  const advice = findings.flatMap((finding) =>
    finding.topic === 'permissions' ? [finding.advice] : [],
  )
  assert.ok(advice.includes(`chmod 600 ${join(directory, 'keys.yaml')}`))
  assert.ok(advice.includes(`chmod 700 ${join(directory, 'data', 'keys')}`))
  assert.ok(advice.includes(`chmod go-w ${join(directory, 'policies')}`))
})

test('what cannot be looked at is a finding, and nothing is called sound for it', async () => {
  const directory = place('unseen', {})
  for (const name of ['keys', 'log']) {
    const path = name === 'keys' ? join(directory, 'data/keys') : join(directory, 'data/1')
    rmSync(path, { recursive: true, force: true })
    // A link to itself: not nothing, and nothing that could be opened.
    symlinkSync(path, path)
  }
  const { exit, findings } = await examine(directory)
  assert.equal(exit, 1)
  const unseen = findings.filter(({ says }) => says.startsWith('cannot be looked at: ELOOP'))
  assert.deepEqual(unseen.map(({ topic }) => topic).sort(), ['clock', 'permissions'])
  assert.ok(findings.every(({ says }) => !says.startsWith('secrets are')))
})

test('a reserve that is in use is named', async () => {
  const directory = place('reserve', { more: 'disk: { reserveBytes: 1048576 }' })
  mkdirSync(join(directory, 'data/state'), { mode: 0o700 })
  writeFileSync(join(directory, 'data/state/reserve'), Buffer.alloc(500_000, 1), { mode: 0o600 })
  const { findings } = await examine(directory)
  const found = findings.find(({ subject }) => subject.endsWith('state/reserve'))
  assert.equal(found?.state, 'failure')
  assert.match(found?.says ?? '', /0 of 1 MiB are kept/)
})

test('a file that is not there is a finding, not a crash', async () => {
  const { exit, out } = await run(['doctor', join(root, 'nowhere.yaml')], { columns: 40 })
  assert.equal(exit, 1)
  assert.match(out, /^failure {2}configuration/m)
  assert.ok(!existsSync(join(root, 'nowhere.yaml')))
})

test('people read a line each, and a sum', async () => {
  const { out } = await run(['doctor', '--config', join(place('people', {}), 'countersign.yaml')])
  assert.match(out, /^ok {7}configuration, .*countersign\.yaml: listeners: 1, routes: 1/m)
  assert.match(out, /\d+ ok, \d+ to look at, 0 wrong\n$/)
})

// Calls to services of somebody else: the gateway shows its own credential, tells nothing of who
// asks, and the credential is nowhere but in the head of what goes out.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import { openRecords } from '../../packages/gateway/src/verify/open-records.ts'
import { Findings } from '../../packages/gateway/src/verify/report.ts'
import { waitFor } from '../demo-process.ts'
import { need } from '../needs.ts'
import { run } from '../run-cli.ts'
import { type Authority, makeAuthority } from './certificates.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })
const MAIN = join(import.meta.dirname, '../../packages/gateway/src/main.ts')
const SECRETS = {
  bearer: 'sk-live-5b1fe0c4c1f24b0e9a7d',
  next: 'sk-live-rotated-77c0aa21ff',
  basic: 'correct horse battery',
  header: 'key-2f9d/41+ab==',
} as const

/** What speaks for the origin that it comes from, which is the gateway's. */
const OF_THE_ORIGIN = {
  'www-authenticate': 'Basic realm="theirs"',
  'clear-site-data': '"*"',
  'strict-transport-security': 'max-age=0',
  'public-key-pins': 'pin-sha256="x"; max-age=1',
  'alt-svc': 'h3="elsewhere.example:443"',
  refresh: '0; url=https://elsewhere.example',
  nel: '{"report_to":"x","max_age":1}',
  'report-to': '{"group":"x","max_age":1,"endpoints":[]}',
  'reporting-endpoints': 'x="https://elsewhere.example"',
  'service-worker-allowed': '/',
  'use-as-dictionary': 'match="/*"',
  Set_Cookie: 'a=b',
}

interface Asked {
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

for (const workers of [1, 2])
  describe(`egress, workers: ${workers}`, { skip }, () => egress(workers))

function egress(workers: number): void {
  const directory = mkdtempSync(join(tmpdir(), 'egress-'))
  const file = (name: string): string => join(directory, name)
  const asked: Asked[] = []
  let printed = ''
  let answers = ''
  let authority: Authority
  let service: Server
  let gateway: ChildProcess
  let [url, admin, origin, token] = ['', '', '', '']

  before(async () => {
    authority = makeAuthority()
    const issued = authority.issue(['127.0.0.1'])
    service = createServer({ cert: issued.certificate, key: issued.key }, (request, response) => {
      asked.push({ url: request.url ?? '', headers: request.headers })
      const shown = request.headers.authorization ?? String(request.headers['x-service-key'])
      const bare = shown.replace(/^\w+ /, '')
      response.writeHead(request.url === '/bearer/moved' ? 302 : 200, {
        'x-shown': shown,
        'x-bare': `before ${bare} after`,
        'x-encoded': encodeURIComponent(bare),
        'x-base64': Buffer.from(bare).toString('base64'),
        'x-lower': encodeURIComponent(bare).replace(/%../g, (each) => each.toLowerCase()),
        'x-within': Buffer.from(`x${bare} and more`).toString('base64url'),
        ...OF_THE_ORIGIN,
        'set-cookie': 'session=of-the-credential',
        location: `https://127.0.0.1:1/elsewhere`,
        'x-kept': 'yes',
        trailer: 'x-trailed',
      })
      response.addTrailers({ 'x-trailed': shown })
      response.end('done')
    })
    service.listen(0, '127.0.0.1')
    await once(service, 'listening')
    layOut((service.address() as AddressInfo).port)
    const config = ['--config', file('gateway.yaml'), '--json']
    const made = await run(['keys', 'create', '--principal', 'ada', ...config])
    token = (JSON.parse(made.out) as { token: string }).token
    gateway = spawn(process.execPath, [MAIN, 'start', ...config], {
      env: { ...process.env, SERVICE_KEY: SECRETS.header },
    })
    for (const stream of [gateway.stdout, gateway.stderr]) {
      stream?.on('data', (chunk) => {
        printed += String(chunk)
      })
    }
    await waitFor(() => printed.includes('"addresses"') || gateway.exitCode !== null)
    assert.equal(gateway.exitCode, null, printed)
    const line = printed.split('\n').find((each) => each.includes('"addresses"')) ?? ''
    const started = JSON.parse(line) as { addresses: string[]; origin: string }
    const at = (name: string): string =>
      started.addresses.find((each) => each.startsWith(name))?.slice(name.length) ?? ''
    ;[url, admin, origin] = [at('main '), at('admin '), started.origin]
  })
  after(() => {
    gateway?.kill('SIGKILL')
    service?.close()
    service?.closeAllConnections()
    authority?.remove()
    rmSync(directory, { recursive: true })
  })

  function layOut(port: number): void {
    mkdirSync(file('policies'))
    writeFileSync(file('policies/a.cedar'), '@id("a") permit (principal, action, resource);\n')
    writeFileSync(file('ca.pem'), authority.pem)
    writeFileSync(file('bearer-token'), `${SECRETS.bearer}\n`, { mode: 0o600 })
    writeFileSync(file('password'), SECRETS.basic, { mode: 0o600 })
    const upstream = (name: string, credential: string): string => `  ${name}:
    url: https://127.0.0.1:${port}
    authority: ca.pem
    addresses: { allow: [127.0.0.0/8] }
    egress:
      credential: { name: ${name}-credential, ${credential} }
`
    const route = (name: string): string =>
      `  - { name: ${name}, path: /${name}, upstream: ${name}, trailers: [x-trailed] }\n`
    writeFileSync(
      file('gateway.yaml'),
      `version: 1
workers: ${workers}
origin: countersign.test
data: data
log: { level: debug }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0, roles: { operator: [{ principal: ada }] } }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams:
${upstream('bearer', 'scheme: bearer, secret: { file: bearer-token }')}${upstream(
  'basic',
  'scheme: basic, username: robot, secret: { file: password }',
)}${upstream(
  'header',
  'scheme: header, header: X-Service-Key, secret: { env: SERVICE_KEY }',
)}  ours: { url: "https://127.0.0.1:${port}", authority: ca.pem }
routes:
${['bearer', 'basic', 'header', 'ours'].map(route).join('')}`,
    )
  }

  async function ask(path: string, headers: Readonly<Record<string, string>> = {}) {
    const response = await fetch(`${url}${path}`, {
      redirect: 'manual',
      headers: { authorization: `Bearer ${token}`, te: 'trailers', ...headers },
    })
    const body = await response.text()
    answers += `${response.status}\n${JSON.stringify([...response.headers])}\n${body}\n`
    return { status: response.status, headers: response.headers, body }
  }

  const basic = `Basic ${Buffer.from(`robot:${SECRETS.basic}`).toString('base64')}`
  for (const [path, field, value] of [
    ['/bearer/1', 'authorization', `Bearer ${SECRETS.bearer}`],
    ['/basic/1', 'authorization', basic],
    ['/header/1', 'x-service-key', SECRETS.header],
  ] as const) {
    test(`${path} is asked with a credential of ours, with nothing of the caller's`, async () => {
      const { status, headers } = await ask(path, {
        cookie: 'a=b',
        'x-service-key': 'mine',
        baggage: 'who=ada',
        'x-forwarded-for': '10.0.0.1',
        'x-plain': 'goes on',
      })
      assert.equal(status, 200)
      const [last] = asked.slice(-1)
      assert.equal(last?.headers[field], value)
      assert.equal(last?.headers['x-plain'], 'goes on')
      assert.ok(last?.headers['x-request-id'] !== undefined)
      for (const name of Object.keys(last?.headers ?? {})) {
        assert.doesNotMatch(name, /^(cookie|baggage|x_service_key|traceparent|countersign|x-forw)/)
      }
      assert.doesNotMatch(JSON.stringify(last?.headers), new RegExp(token))
      assert.equal(headers.get('x-kept'), 'yes')
      const shown = ['x-shown', 'x-bare', 'x-encoded', 'x-base64', 'x-lower', 'x-within']
      for (const name of [...shown, 'set-cookie', ...Object.keys(OF_THE_ORIGIN)]) {
        assert.equal(headers.get(name), null, name)
      }
    })
  }

  test('an upstream of ours is told who asks, and gets no credential', async () => {
    const { headers } = await ask('/ours/1')
    assert.equal(headers.get('clear-site-data'), OF_THE_ORIGIN['clear-site-data'])
    const [last] = asked.slice(-1)
    assert.equal(last?.headers['countersign-principal'], 'ada')
    assert.equal(last?.headers.authorization, undefined)
  })

  test('a redirect is the caller’s to follow: the credential does not go along', async () => {
    const before = asked.length
    const { status, headers } = await ask('/bearer/moved')
    assert.equal(status, 302)
    assert.equal(headers.get('location'), 'https://127.0.0.1:1/elsewhere')
    assert.equal(asked.length, before + 1)
  })

  test('another secret in the file is shown from then on', async () => {
    writeFileSync(file('bearer-token'), SECRETS.next)
    await waitFor(async () => {
      await ask('/bearer/2')
      return asked.at(-1)?.headers.authorization === `Bearer ${SECRETS.next}`
    })
  })

  test('a secret that is none leaves the one before in force', async () => {
    writeFileSync(file('bearer-token'), 'two\nlines and more\n')
    await waitFor(() => printed.includes('reload refused'))
    await ask('/bearer/3')
    assert.equal(asked.at(-1)?.headers.authorization, `Bearer ${SECRETS.next}`)
    writeFileSync(file('bearer-token'), SECRETS.next)
  })

  test('the records name destination and credential, and no secret is anywhere', async () => {
    const headers = { authorization: `Bearer ${token}` }
    const metrics = await (await fetch(`${admin}/metrics`, { headers })).text()
    const views = await (await fetch(`${admin}/api/upstreams`, { headers })).text()
    gateway.kill('SIGTERM')
    await once(gateway, 'exit')
    const doctor = await run(['doctor', '--json', file('gateway.yaml')], {
      environment: { SERVICE_KEY: SECRETS.header },
    })
    const texts = await sections()
    const intents = texts.filter((each) => each.includes('"route":"basic"'))
    assert.ok(intents.length > 0)
    for (const text of intents) {
      assert.match(text, /"forwarded":\{"authority":"127\.0\.0\.1:\d+","credential":"basic-cred/)
    }
    const everything = [printed, answers, metrics, views, doctor.out, ...texts, ...files('data')]
    for (const secret of [...Object.values(SECRETS), basic.slice('Basic '.length)]) {
      for (const form of [secret, encodeURIComponent(secret), token64(secret)]) {
        const at = everything.findIndex((text) => text.includes(form))
        assert.equal(at, -1, `${form} is in ${everything[at]?.slice(0, 200)}`)
      }
    }
  })

  async function sections(): Promise<readonly string[]> {
    const options = { disk: nodeDisk(), data: file('data'), epoch: 1, origin, kek: undefined }
    const records = await openRecords({ ...options, to: new Findings() })
    const opened = await records?.reader.block(0)
    return (opened?.records ?? []).flatMap(({ sections: all }) =>
      all.map(({ open }) => (open === undefined ? '' : Buffer.from(open.bytes).toString())),
    )
  }

  /** Every file below, as it is and unpacked where it can be. */
  function files(below: string): readonly string[] {
    return readdirSync(file(below), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const bytes = readFileSync(join(entry.parentPath, entry.name))
        try {
          return bytes.toString('latin1') + zstdDecompressSync(bytes).toString('latin1')
        } catch {
          return bytes.toString('latin1')
        }
      })
  }
}

function token64(text: string): string {
  return Buffer.from(text).toString('base64').replace(/=+$/, '')
}

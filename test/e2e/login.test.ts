// People sign in with a browser: the program as it is run, over TLS, before a certified provider.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Agent, fetch as undiciFetch } from 'undici'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { freePort } from '../free-port.ts'
import { newKey } from '../laid-out.ts'
import { makeAuthority } from '../proxy/certificates.ts'
import { run } from '../run-cli.ts'
import { Browser } from './browser.ts'
import { type OpenProvider, startProvider } from './oidc-provider.ts'

const SECRET = 'a client secret of thirty-two bytes'
for (const workers of [1, 2]) describe(`logins, workers: ${workers}`, () => logins(workers))

function logins(workers: number): void {
  const authority = makeAuthority()
  const trusting = new Agent({ connect: { ca: authority.pem } })
  const received: IncomingHttpHeaders[] = []
  let directory: string
  let provider: OpenProvider
  let gateway: GatewayLife | undefined
  let url: string
  let key: string

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'countersign-login-'))
    const port = await freePort('localhost')
    url = `https://localhost:${port}`
    provider = await startProvider(() => ({
      clients: [
        {
          client_id: 'app',
          client_secret: SECRET,
          redirect_uris: ['staff', 'partners'].map(
            (login) => `${url}/.well-known/countersign/login/${login}/callback`,
          ),
          post_logout_redirect_uris: [`${url}/`],
          backchannel_logout_uri: `${url}/.well-known/countersign/login/staff/back-channel`,
          backchannel_logout_session_required: true,
        },
      ],
      features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
      fetch: (to, options) =>
        undiciFetch(to, { ...(options as object), dispatcher: trusting }) as never,
    }))
    // A name that no hexadecimal number has in it.
    provider.account = 'ursula'
    const upstream = createServer((request, response) => {
      received.push(request.headers)
      response.end(`hello ${String(request.headers['countersign-principal'])}`)
    })
    // A kept connection is not closed in the moment in which it is used again.
    upstream.keepAliveTimeout = 0
    upstream.listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    upstream.unref()
    await layOut(port, (upstream.address() as AddressInfo).port)
    gateway = await startLife(join(directory, 'countersign.yaml'))
  })

  after(async () => {
    await gateway?.stop('SIGTERM')
    await provider.close()
    await trusting.close()
    authority.remove()
    await rm(directory, { recursive: true })
  })

  async function layOut(port: number, upstreamPort: number): Promise<void> {
    const { certificate, key: privateKey } = authority.issue(['localhost'])
    await mkdir(join(directory, 'policies'))
    await writeFile(join(directory, 'tls.pem'), certificate)
    await writeFile(join(directory, 'tls.key'), privateKey)
    await writeFile(join(directory, 'secret'), `${SECRET}\n`)
    await writeFile(join(directory, 'policies/app.cedar'), 'permit (principal, action, resource);')
    const config = join(directory, 'countersign.yaml')
    await writeFile(
      config,
      `version: 1
workers: ${workers}
origin: countersign.test
data: data
log: { level: silent }
listeners:
  - { name: main, host: localhost, port: ${port}, tls: { certificate: tls.pem, key: tls.key } }
admin: { host: 127.0.0.1, port: 0 }
limits: { refusalsPerSecondMax: 1000, refusalsWholeMax: 1000 }
identity:
  keysFile: api-keys.yaml
  dpop: { replaysFile: seen }
  logins:
    - name: staff
      issuer: ${provider.issuer}
      allowLoopbackHttp: true
      clientId: app
      clientSecret: { file: secret }
      externalUrl: ${url}
      sessionsPerPersonMax: 3
    - name: partners
      issuer: ${provider.issuer}
      allowLoopbackHttp: true
      clientId: app
      clientSecret: { file: secret }
      externalUrl: ${url}
policies: { directory: policies }
upstreams: { app: { url: "http://127.0.0.1:${upstreamPort}" } }
routes:
  - { name: app, path: /, upstream: app, authenticators: [staff, keys] }
  - { name: partners, path: /partners, upstream: app, authenticators: [partners] }
  - { name: api, path: /api, upstream: app, authenticators: [keys] }
`,
    )
    key = await newKey(config, 'robot')
  }

  /** Records that `show` tells of, by kind. */
  async function records(kind: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const found: Readonly<Record<string, unknown>>[] = []
    const data = join(directory, 'data')
    for (let index = 0; ; index += 1) {
      const shown = await run(['show', String(index), '--data', data, '--json'])
      if (shown.exit !== 0) return found
      const { kind: its, sections } = JSON.parse(shown.out) as {
        kind: string
        sections: readonly { readonly section: string; readonly value: unknown }[]
      }
      if (its !== kind) continue
      found.push(Object.fromEntries(sections.map(({ section, value }) => [section, value])))
    }
  }

  test('a page leads to the provider and back, and from then on opens', async () => {
    const browser = new Browser(authority.pem)
    const page = await browser.open(`${url}/orders?page=2`)
    assert.equal(page.status, 200)
    assert.equal(page.url, `${url}/orders?page=2`)
    assert.equal(page.text, 'hello staff%3Aursula')
    const [headers] = received.splice(0)
    assert.equal(headers?.cookie, undefined, 'no cookie of the login reaches the upstream')
    browser.cookies.get(url)?.set('theme', 'dark')
    assert.equal((await browser.open(`${url}/again`)).status, 200)
    assert.equal(received.splice(0)[0]?.cookie, 'theme=dark')
    await browser.close()
  })

  test('two tabs sign in at once', async () => {
    const browser = new Browser(authority.pem)
    const navigate = { 'sec-fetch-mode': 'navigate' }
    const led = []
    for (const path of ['/one', '/two']) {
      led.push((await browser.request(`${url}${path}`, navigate)).headers.get('location') ?? '')
    }
    const names = [...(browser.cookies.get(url)?.keys() ?? [])]
    assert.equal(names.filter((name) => name.startsWith('__Host-countersign-login-')).length, 2)
    for (const [at, path] of ['/one', '/two'].entries()) {
      const page = await browser.open(led[at] ?? '')
      assert.deepEqual([page.status, page.url], [200, `${url}${path}`])
    }
    assert.equal(browser.cookies.get(url)?.size, 1, 'the session is what stays')
    await browser.close()
  })

  test('two logins of one host: each goes by its own session', async () => {
    const browser = new Browser(authority.pem)
    assert.equal((await browser.open(`${url}/`)).text, 'hello staff%3Aursula')
    const script = { 'sec-fetch-mode': 'cors' }
    assert.equal((await browser.request(`${url}/partners`, script)).status, 401)
    assert.equal((await browser.open(`${url}/partners`)).text, 'hello partners%3Aursula')
    const names = [...(browser.cookies.get(url)?.keys() ?? [])]
    const session = '__Host-countersign-session-'
    assert.deepEqual(names, [`${session}staff`, `${session}partners`])
    received.length = 0
    assert.equal((await browser.request(`${url}/`, script)).text, 'hello staff%3Aursula')
    assert.equal(received[0]?.cookie, undefined, 'neither reaches the upstream')
    const out = `${url}/.well-known/countersign/login/partners/logout`
    assert.equal((await browser.request(out, { origin: url }, '')).status, 303)
    assert.equal((await browser.request(`${url}/partners`, script)).status, 401)
    assert.equal((await browser.request(`${url}/`, script)).status, 200, 'the other goes on')
    await browser.close()
  })

  test('one person fills no more than their share of the sessions', async () => {
    const browsers = Array.from({ length: 4 }, () => new Browser(authority.pem))
    for (const browser of browsers) assert.equal((await browser.open(`${url}/`)).status, 200)
    const found = []
    for (const browser of browsers) {
      found.push((await browser.request(`${url}/`, { 'sec-fetch-mode': 'cors' })).status)
    }
    assert.deepEqual(found, [401, 200, 200, 200])
    await Promise.all(browsers.map((browser) => browser.close()))
  })

  test('scripts and programs are told, not led', async () => {
    const browser = new Browser(authority.pem)
    const script = await browser.request(`${url}/data`, { 'sec-fetch-mode': 'cors' })
    assert.equal(script.status, 401)
    const api = await browser.request(`${url}/api/x`, { 'sec-fetch-mode': 'navigate' })
    assert.equal(api.status, 401, 'the route takes keys alone')
    const robot = await browser.request(`${url}/api/x`, { authorization: `Bearer ${key}` })
    assert.equal(robot.status, 200)
    await browser.close()
  })

  test('J45 a session beside a key is one credential too many', async () => {
    const browser = new Browser(authority.pem)
    await browser.open(`${url}/`)
    const both = await browser.request(`${url}/`, { authorization: `Bearer ${key}` })
    assert.equal(both.status, 400)
    await browser.close()
  })

  test('another site cannot send what changes something', async () => {
    const browser = new Browser(authority.pem)
    await browser.open(`${url}/`)
    received.length = 0
    const evil = await browser.request(`${url}/orders`, { origin: 'https://evil.example' }, 'a=b')
    assert.equal(evil.status, 403)
    assert.equal(received.length, 0)
    const own = await browser.request(`${url}/orders`, { origin: url }, 'a=b')
    assert.equal(own.status, 200)
    await browser.close()
  })

  test('signing out ends it here and at the provider', async () => {
    const browser = new Browser(authority.pem)
    await browser.open(`${url}/`)
    const path = `${url}/.well-known/countersign/login/staff/logout`
    const out = await browser.request(path, { origin: url }, '')
    assert.equal(out.status, 303)
    const there = out.headers.get('location') ?? ''
    assert.ok(there.startsWith(provider.issuer))
    const asked = await browser.request(there, {})
    assert.equal(asked.status, 200, asked.text)
    assert.equal((await browser.request(`${url}/`, { 'sec-fetch-mode': 'cors' })).status, 401)
    await browser.close()
  })

  test('signing out at the provider ends it here, over the back channel', async () => {
    const browser = new Browser(authority.pem)
    await browser.open(`${url}/`)
    const page = await browser.request(`${provider.issuer}/session/end`, {})
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1]
    assert.ok(xsrf !== undefined, page.text)
    const form = `xsrf=${xsrf}&logout=yes`
    await browser.request(`${provider.issuer}/session/end/confirm`, {}, form)
    const after = await browser.request(`${url}/`, { 'sec-fetch-mode': 'cors' })
    assert.equal(after.status, 401)
    await browser.close()
  })

  /** Changes the configuration of the running gateway; `path` is where it shows. */
  async function reconfigure(change: (text: string) => string, path: string): Promise<void> {
    const config = join(directory, 'countersign.yaml')
    const text = change(await readFile(config, 'utf8'))
    const route = `{ name: ${path.slice(1)}, path: ${path}, upstream: app, authenticators: [keys] }`
    await writeFile(config, `${text}  - ${route}\n`)
    const browser = new Browser(authority.pem)
    const until = Date.now() + 60_000
    for (;;) {
      const page = await browser.request(`${url}${path}`, { 'sec-fetch-mode': 'navigate' })
      if (page.status === 401) break
      assert.ok(Date.now() < until, 'the configuration is not in force')
    }
    await browser.close()
  }

  test('a session outlives a change, unless its own login is changed', async () => {
    const browser = new Browser(authority.pem)
    const ask = async (): Promise<number> =>
      (await browser.request(`${url}/`, { 'sec-fetch-mode': 'cors' })).status
    await browser.open(`${url}/`)
    const issuer = `  issuers: [{ name: other, issuer: "${provider.issuer}/x", audiences: [a], \
allowLoopbackHttp: true }]\n`
    await reconfigure((text) => text.replace('  logins:\n', `${issuer}  logins:\n`), '/first')
    assert.equal(await ask(), 200)
    await reconfigure(
      (text) => text.replace('clientId: app\n', 'clientId: app\n      idleMs: 60000\n'),
      '/second',
    )
    assert.equal(await ask(), 401)
    await browser.close()
  })

  test('each session is on record, and so is every page that led to signing in', async () => {
    await gateway?.stop('SIGTERM')
    gateway = undefined
    const verified = await run(['verify', join(directory, 'data')])
    assert.equal(verified.exit, 0, verified.out + verified.err)
    const sessions = (await records('key')).filter(
      (sections) => (sections.what as { use?: string }).use === 'session',
    )
    const acts = sessions.map(({ what }) => (what as { act: string }).act)
    assert.equal(acts.filter((act) => act === 'created').length, 14)
    assert.equal(acts.filter((act) => act === 'revoked').length, 14)
    assert.ok(!JSON.stringify(sessions).includes('ursula'), 'people are numbers in acts')
    const refusals = await records('refusal')
    const led = refusals.filter(({ why, what }) => {
      const isPolled = /^\/(first|second)$/.test((what as { path: string }).path)
      return (why as { reason: string }).reason === 'login-required' && !isPolled
    })
    assert.equal(led.length, 14)
    const text = JSON.stringify(refusals)
    assert.ok(!text.includes('code_verifier') && !text.includes('__Host-'), 'no secret is kept')
  })
}

// Certificates that the gateway obtains itself, from Debian's pebble: every name is validated at
// the gateway's own ports, over HTTP or inside a TLS handshake.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import { openRecords } from '../../packages/gateway/src/verify/open-records.ts'
import { Findings } from '../../packages/gateway/src/verify/report.ts'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { freePort } from '../free-port.ts'
import { newKey } from '../laid-out.ts'
import { need } from '../needs.ts'
import { run } from '../run-cli.ts'
import { type Pebble, startPebble } from './acme/pebble.ts'

const skip =
  need('openssl', { command: 'openssl', install: 'apt-get install openssl' }) ||
  need('pebble', { command: 'pebble', install: 'apt-get install pebble' })

const NAME = 'gateway.test'

/** `what` of a record of a certificate. */
interface Told {
  readonly act: string
  readonly names: readonly string[]
  readonly sha256?: string
  readonly previous?: string
  readonly problem?: string
  readonly retry?: string
}

/** A directory with a configuration whose listener `secure` has no certificate of its own. */
class Site {
  readonly directory = mkdtempSync(join(tmpdir(), 'acme-'))
  readonly data = join(this.directory, 'data')
  readonly config = join(this.directory, 'countersign.yaml')
  readonly plainPort: number
  readonly tlsPort: number

  constructor(plainPort: number, tlsPort: number) {
    this.plainPort = plainPort
    this.tlsPort = tlsPort
    mkdirSync(join(this.directory, 'policies'))
    writeFileSync(
      join(this.directory, 'policies/all.cedar'),
      '@id("all") permit (principal, action, resource);\n',
    )
  }

  configure(pebble: Pebble, acme: string, workers = 1): void {
    writeFileSync(
      this.config,
      `version: 1
workers: ${workers}
origin: countersign.test
data: ${this.data}
log: { level: silent }
listeners:
  - { name: main, host: 127.0.0.1, port: ${this.plainPort} }
  - name: secure
    host: 127.0.0.1
    port: ${this.tlsPort}
    tls:
      acme:
        directory: ${pebble.url}
        authority: ${pebble.authorityFile}
        termsOfServiceAgreed: true
        contact: ["mailto:ops@gateway.test"]
        retry: { minMs: 200, maxMs: 500 }
${acme.replaceAll(/^/gm, '        ')}
admin: { host: 127.0.0.1, port: 0, roles: { viewer: [{ principal: ada }] } }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams: { none: { url: "http://127.0.0.1:1" } }
routes: [{ name: all, path: /, upstream: none, authenticate: optional }]
`,
    )
    writeFileSync(join(this.directory, 'api-keys.yaml'), 'version: 1\nkeys: []\n')
  }

  /** Who may look at the metrics. */
  keyOfAda(): Promise<string> {
    return newKey(this.config, 'ada')
  }

  /** Undefined where the handshake is refused. */
  async shake(name: string, ca: string, more: object = {}): Promise<TLSSocket | undefined> {
    const socket = connect({
      host: '127.0.0.1',
      port: this.tlsPort,
      servername: name,
      ca,
      ALPNProtocols: ['http/1.1'],
      ...more,
    })
    try {
      await once(socket, 'secureConnect')
      return socket
    } catch {
      return undefined // What it was refused with is in the record.
    }
  }

  /** Waits for a certificate, other than this one, that clients of pebble believe. */
  async obtained(pebble: Pebble, name: string, former = ''): Promise<string> {
    const root = await pebble.root()
    let fingerprint = ''
    await waitFor(async () => {
      const shown = new Set<string>()
      // Each worker hears of it for itself, and whichever likes takes a connection.
      for (let asked = 0; asked < 6; asked += 1) {
        const socket = await this.shake(name, root)
        shown.add(socket?.getPeerCertificate().fingerprint256 ?? '')
        socket?.destroy()
      }
      ;[fingerprint = ''] = shown
      return shown.size === 1 && fingerprint !== '' && fingerprint !== former
    })
    return fingerprint
  }

  /** Every `what` of the records, of a gateway that has stopped. */
  async told(kind: string, origin: string): Promise<readonly Told[]> {
    const found: Told[] = []
    const options = { disk: nodeDisk(), data: this.data, epoch: 1, origin, kek: undefined }
    const records = await openRecords({ ...options, to: new Findings() })
    const opened = await records?.reader.block(0)
    for (const { sections } of opened?.records ?? []) {
      const read = (id: number): object => {
        const bytes = sections.find((section) => section.id === id)?.open?.bytes
        return bytes === undefined ? {} : (JSON.parse(Buffer.from(bytes).toString()) as object)
      }
      if ((read(1) as { kind?: string }).kind !== kind) continue
      found.push({ ...read(5), ...read(6) } as Told)
    }
    return found
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }
}

/** As records write it. */
function digestOf(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase()
}

async function newSite(): Promise<Site> {
  return new Site(await freePort(), await freePort())
}

/** One request on a connection that stays. */
async function ask(socket: TLSSocket): Promise<string> {
  socket.write(`GET /.well-known/countersign/ HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  return chunk.toString('latin1').split('\r\n')[0] ?? ''
}

for (const workers of [1, 2]) {
  const name = `a certificate from an authority, workers: ${workers}`
  describe(name, { skip }, () => obtaining(workers))
}

function obtaining(workers: number): void {
  let site: Site
  let pebble: Pebble
  let life: GatewayLife

  before(async () => {
    site = await newSite()
    const { directory, plainPort: httpPort, tlsPort } = site
    pebble = await startPebble({ directory, httpPort, tlsPort, validSeconds: 60 })
    site.configure(pebble, `domains: [${NAME}]\nrenewAfterPercent: 5`, workers)
  })
  after(async () => {
    await life?.stop('SIGKILL')
    await pebble.close()
    site.remove()
  })

  test('is obtained, renewed and kept, whatever becomes of the authority', async () => {
    const firstRoot = await pebble.root()
    await pebble.stop()
    const token = await site.keyOfAda()
    life = await startLife(site.config)
    assert.equal(await site.shake(NAME, firstRoot), undefined, 'no certificate yet')
    await waitFor(async () => (await failures(life, token)) > 0)

    await pebble.start()
    const first = await site.obtained(pebble, NAME)
    const root = await pebble.root()
    const kept = await site.shake(NAME, root)
    assert.ok(kept !== undefined)
    const second = await site.obtained(pebble, NAME, first)
    assert.match(await ask(kept), /^HTTP\/1\.1 \d/, 'a renewal cuts no connection')
    kept.destroy()
    for (const name of ['acme-tls/1', 'bogus']) {
      assert.equal(await site.shake(NAME, root, { ALPNProtocols: [name] }), undefined)
    }

    await pebble.stop()
    await pebble.start()
    // Account and root are forgotten there: the next renewal registers anew.
    await site.obtained(pebble, NAME, second)
    const thirdRoot = await pebble.root()
    await pebble.stop()
    assert.equal(await life.stop('SIGTERM'), 0)
    // It may have been renewed once more before the authority was gone.
    const before = await site.told('certificate', life.origin)
    const kept256 = before.findLast(({ act }) => act === 'renewed')?.sha256

    life = await startLife(site.config)
    const again = await site.shake(NAME, thirdRoot)
    assert.ok(again !== undefined, 'what was kept is used at once')
    assert.equal(digestOf(again.getPeerCertificate().fingerprint256), kept256)
    again.destroy()
    assert.equal(await life.stop('SIGTERM'), 0)

    const told = await site.told('certificate', life.origin)
    const acts = told.map(({ act }) => act)
    assert.equal(acts[0], 'failed')
    assert.match(told[0]?.problem ?? '', /^ACME_DIRECTORY /)
    assert.ok(told[0]?.retry !== undefined)
    const good = told.filter(({ act }) => act !== 'failed')
    assert.deepEqual(
      good.slice(0, 3).map(({ act }) => act),
      ['obtained', 'renewed', 'renewed'],
    )
    assert.equal(good[1]?.previous, good[0]?.sha256)
    assert.ok(good.every(({ names }) => names.length === 1 && names[0] === NAME))
    const loaded = told.findLast(({ act }) => act === 'loaded')
    assert.equal(loaded?.sha256, kept256)
    const refusals = await site.told('refusal', life.origin)
    assert.ok(refusals.some((each) => Reflect.get(each, 'reason') === 'certificate-pending'))
    const verified = await run(['verify', site.data, '--no-memory'])
    assert.equal(verified.exit, 0, verified.out + verified.err)
    for (const kind of ['accounts', 'certificates']) {
      const directory = join(site.data, 'acme', kind)
      const [file = '', other] = readdirSync(directory)
      assert.equal(other, undefined)
      assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600)
    }
  })
}

for (const workers of [1, 2]) {
  const name = `a certificate of several names, proven over HTTP, workers: ${workers}`
  describe(name, { skip }, () => provingOverHttp(workers))
}

function provingOverHttp(workers: number): void {
  const macKey = Buffer.from('a key of thirty-two bytes, no more').toString('base64url')
  let site: Site
  let pebble: Pebble
  let life: GatewayLife

  before(async () => {
    site = await newSite()
    const { directory, plainPort: httpPort, tlsPort } = site
    pebble = await startPebble({
      directory,
      httpPort,
      tlsPort,
      validSeconds: 3600,
      nonceRejectPercent: 30,
      externalAccount: { keyId: 'known', macKey },
    })
    writeFileSync(join(directory, 'mac-key'), `${macKey}\n`, { mode: 0o600 })
    site.configure(
      pebble,
      `domains: [${NAME}, api.${NAME}]
challenges: [http-01]
externalAccount: { keyId: known, macKey: { file: mac-key } }`,
      workers,
    )
  })
  after(async () => {
    await life?.stop('SIGKILL')
    await pebble.close()
    site.remove()
  })

  test('is obtained from an authority that refuses nonces and wants to know us', async () => {
    life = await startLife(site.config)
    await site.obtained(pebble, `api.${NAME}`)
    const refused = await fetch(`${life.url}/.well-known/acme-challenge/no-such-token`)
    assert.equal(refused.status, 502, 'what nobody waits for is a route’s')
    const doctor = await run(['doctor', '--config', site.config])
    assert.match(doctor.out, /certificate.*secure.*days left/)
    assert.match(doctor.out, /acme.*secure.*answers/)
    // Another name is asked for as soon as the configuration has it; what is in use stays.
    const text = readFileSync(site.config, 'utf8')
    writeFileSync(site.config, text.replace(`api.${NAME}]`, `api.${NAME}, www.${NAME}]`))
    await site.obtained(pebble, `www.${NAME}`)
    assert.equal(await life.stop('SIGTERM'), 0)
    const told = await site.told('certificate', life.origin)
    const good = told.filter(({ act }) => act !== 'failed')
    assert.deepEqual(
      good.map(({ act, names }) => [act, names.length]),
      [
        ['obtained', 2],
        ['renewed', 3],
      ],
    )
  })
}

describe('a name that cannot be proven', { skip }, () => {
  let site: Site
  let pebble: Pebble
  let life: GatewayLife

  before(async () => {
    site = await newSite()
    // The authority looks where nobody listens.
    const ports = { httpPort: await freePort(), tlsPort: await freePort() }
    pebble = await startPebble({ directory: site.directory, ...ports, validSeconds: 3600 })
    site.configure(pebble, `domains: [${NAME}]\nchallenges: [http-01, tls-alpn-01]`)
  })
  after(async () => {
    await life?.stop('SIGKILL')
    await pebble.close()
    site.remove()
  })

  test('fails with the authority’s words, and no handshake is completed', async () => {
    const token = await site.keyOfAda()
    life = await startLife(site.config)
    const root = await pebble.root()
    await waitFor(async () => (await failures(life, token)) >= 2)
    assert.equal(await site.shake(NAME, root), undefined)
    assert.equal(await life.stop('SIGTERM'), 0)
    const told = await site.told('certificate', life.origin)
    assert.ok(told.length >= 2)
    for (const { act, problem, sha256 } of told) {
      assert.equal(act, 'failed')
      assert.match(problem ?? '', /^ACME_VALIDATION gateway\.test: http-01: .*refused/)
      assert.equal(sha256, undefined)
    }
  })
})

async function failures({ addresses }: GatewayLife, token: string): Promise<number> {
  const admin = addresses.find((each) => each.startsWith('admin '))?.slice('admin '.length)
  const headers = { authorization: `Bearer ${token}` }
  const text = await (await fetch(`${admin}/metrics`, { headers })).text()
  const metric = /^countersign_certificate_orders_total\{[^}]*result="failed"\} (\d+)/m
  return Number(metric.exec(text)?.[1] ?? 0)
}

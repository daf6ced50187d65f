// 100,000 refusals against a gateway as operators run it: under a megabyte of ledger, none that is
// not counted, nobody else slowed to a halt, and a ledger that verifies, after kill -9 as well.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type DemoApi, startApi } from '../../packages/gateway/src/demo/index.ts'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { wholeLedger } from '../faults/whole-ledger.ts'
import { API } from '../program.ts'
import { flood } from '../proxy/flood.ts'
import { Load } from '../proxy/load.ts'
import { run } from '../run-cli.ts'

const REFUSALS = Number(process.env.REFUSALS ?? 100_000)
const LEDGER_BYTES_MAX = 1_000_000
const QUOTA = 100
const UNTALLIED_MAX = 10_000
/** Killed in the midst of so many at least, when some of them were told of. */
const FLOOD_MIN = 1_000
const TALLIES_MS = 3_500

let directory: string
let api: DemoApi

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-flood-'))
  api = await startApi(API, 0)
})
after(async () => {
  await api.close()
  await rm(directory, { recursive: true })
})

interface Laid {
  readonly config: string
  readonly data: string
  readonly tokens: readonly string[]
}

async function lay(name: string): Promise<Laid> {
  const at = join(directory, name)
  const config = join(at, 'countersign.yaml')
  await mkdir(join(at, 'policies'), { recursive: true })
  const policy = '@id("all") permit (principal, action, resource == Route::"orders");\n'
  await writeFile(join(at, 'policies/orders.cedar'), policy)
  await writeFile(config, configuration(api.port))
  const tokens: string[] = []
  for (const principal of ['eve', 'ada']) {
    const made = await run([
      'keys',
      'create',
      '--principal',
      principal,
      '--config',
      config,
      '--json',
    ])
    assert.equal(made.exit, 0, made.err)
    tokens.push((JSON.parse(made.out) as { token: string }).token)
  }
  return { config, data: join(at, 'data'), tokens }
}

function configuration(port: number): string {
  return `version: 1
gateway: flooded
origin: countersign.test
data: data
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
disk: { reserveBytes: 0 }
limits: { foldUntalliedMax: ${UNTALLIED_MAX}, loopLagMs: 60000, ledgerLagMs: 600000 }
quotas:
  each: { key: principal, limit: ${QUOTA}, window: 31d }
upstreams:
  orders: { url: "http://127.0.0.1:${port}" }
routes:
  - { name: orders, path: /orders, upstream: orders, quotas: [each] }
`
}

/** Every file that stays: what is written ahead lies in zeros, and is dropped when it is packed. */
async function bytesIn(data: string): Promise<number> {
  const files = await readdir(data, { recursive: true, withFileTypes: true })
  const sizes = files
    .filter((file) => file.isFile() && !file.parentPath.endsWith('wal'))
    .map(async (file) => (await stat(join(file.parentPath, file.name))).size)
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

function portOf({ url }: GatewayLife): number {
  return Number(new URL(url).port)
}

function asking(token?: string): () => string {
  const credential = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
  return () => `GET /orders/7 HTTP/1.1\r\nHost: x\r\n${credential}\r\n`
}

const MANY = Array.from({ length: 400 }, (_, at) => `127.${at % 50}.${at % 7}.${1 + (at % 250)}`)

test(`${REFUSALS} refusals: under a megabyte, and every one counted`, {
  timeout: 600_000,
}, async (t) => {
  const { config, data, tokens } = await lay('whole')
  const [eve, ada] = tokens
  const first = await startLife(config)
  assert.equal(await first.stop('SIGTERM'), 0)
  const before = await bytesIn(data)

  const life = await startLife(config)
  const port = portOf(life)
  const known = Math.floor(REFUSALS * 0.6)
  const load = new Load(port, ada)
  const begun = performance.now()
  const [limited, unknown, served] = await Promise.all([
    flood({ port, total: known + QUOTA, connections: 8, request: asking(eve) }),
    flood({ port, total: REFUSALS - known, connections: 400, request: asking(), from: MANY }),
    load.run(QUOTA, 1, '/orders/7'),
  ])
  const seconds = (performance.now() - begun) / 1000
  load.close()
  assert.deepEqual([limited.get(200), limited.get(429)], [QUOTA, known])
  assert.equal(unknown.get(401), REFUSALS - known)
  assert.equal(served.get(200), QUOTA, 'whoever is within the limits is served')
  assert.equal(await life.stop('SIGTERM'), 0)

  const grown = (await bytesIn(data)) - before
  const found = await wholeLedger(data)
  const whole = found.filter(({ kind }) => kind === 'refusal').length
  const closes = found.filter(({ kind, act }) => kind === 'fold' && act === 'close')
  const folded = closes.reduce((sum, { count = 0 }) => sum + count, 0)
  const rate = Math.round(REFUSALS / seconds)
  t.diagnostic(`${grown} bytes, ${found.length} records, ${closes.length} folds, ${rate}/s`)
  assert.equal(whole + folded, REFUSALS, 'every one is in the ledger')
  assert.ok(grown < LEDGER_BYTES_MAX, `${grown} bytes of ledger`)
})

test('kill -9 in a flood: the gap names the bound, and it holds', {
  timeout: 600_000,
}, async (t) => {
  const { config, data, tokens } = await lay('killed')
  const life = await startLife(config)
  const port = portOf(life)
  const request = asking(tokens[0])
  const begun = performance.now()
  let refused = 0
  const onAnswer = (status: number): void => {
    if (status === 429) refused += 1
  }
  const flooding = flood({ port, total: 1_000_000, connections: 8, request, onAnswer })
  await waitFor(() => refused > FLOOD_MIN && performance.now() - begun > TALLIES_MS)
  assert.equal(await life.stop('SIGKILL'), 'SIGKILL')
  const answered = (await flooding).get(429) ?? 0
  const next = await startLife(config)
  assert.equal(await next.stop('SIGTERM'), 0)

  const found = await wholeLedger(data)
  const whole = found.filter(({ kind }) => kind === 'refusal').length
  const folds = found.filter(({ kind }) => kind === 'fold')
  const told = Math.max(...folds.map(({ count = 0 }) => count))
  const gap = found.find(({ unrecordedMax }) => unrecordedMax !== undefined)
  assert.equal(gap?.unrecordedMax, UNTALLIED_MAX)
  t.diagnostic(
    `${answered} answered, ${whole} whole, ${told} told of, ${gap.unrecordedMax} at most`,
  )
  assert.ok(answered > FLOOD_MIN, `${answered} are no flood`)
  assert.ok(
    answered <= whole + told + gap.unrecordedMax,
    `what nothing tells of is within the bound: ${answered} answered, ${whole} whole, ${told} told`,
  )
  // What was used stays used: the quota survived the crash.
  const last = await startLife(config)
  const load = new Load(portOf(last), tokens[0])
  assert.equal((await load.ask('/orders/7')).status, 429)
  load.close()
  assert.equal(await last.stop('SIGTERM'), 0)
})

// `countersign drill` of a configuration whose files, upstreams and ports are nowhere: it needs
// none of them, touches none of them, and tells what every route would do.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DrillRoute } from '../../packages/gateway/src/cli/index.ts'
import { run } from '../run-cli.ts'

let directory: string
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'drill-test-'))
})
after(() => rmSync(directory, { recursive: true }))

const CONFIG = `version: 1
data: /nonexistent/data
disk: { reserveBytes: 1048576 }
listeners:
  - { name: main, host: 192.0.2.1, port: 443, tls: { certificate: no.pem, key: no.key } }
identity: { keysFile: no.yaml }
vault: { kek: { env: NOWHERE } }
policies: { directory: no }
upstreams:
  orders: { url: "https://orders.invalid", timeouts: { responseHeadMs: 300 } }
  patient: { url: "https://patient.invalid" }
routes:
  - { name: orders, path: "/orders/{id}", upstream: orders }
  - { name: reports, hosts: [reports.example], path: /, upstream: patient, methods: [POST] }
  - { name: relaxed, path: /relaxed, upstream: orders, record: relaxed }
`

interface Drilled {
  readonly ok: boolean
  readonly scenarios: readonly {
    readonly scenario: string
    readonly routes: readonly DrillRoute[]
  }[]
  readonly verified: { readonly ok: boolean; readonly entries: number }
}

test('each scenario is told of each route, and nothing is left behind', async () => {
  const file = join(directory, 'countersign.yaml')
  writeFileSync(file, CONFIG)
  // A place of its own: somebody else may drill meanwhile.
  const place = join(directory, 'tmp')
  mkdirSync(place)
  process.env.TMPDIR = place
  const { exit, out, err } = await run([
    'drill',
    file,
    '--json',
    '--patience',
    '10',
    '--slow',
    '50',
  ])
  delete process.env.TMPDIR
  assert.equal(err, '')
  const { ok, scenarios, verified } = JSON.parse(out) as Drilled
  const told = scenarios.map(({ scenario, routes }) => {
    // Of a relaxed route the caller may learn of either, as the flush comes.
    const each = routes.map(({ route, status, reason, recorded }) => {
      const isKept = route === 'relaxed' && (recorded === 'later' || recorded === 'whole')
      return `${status} ${reason} ${isKept ? 'kept' : recorded}`
    })
    return `${scenario}: ${each.join(', ')}`
  })
  const WELL = '200 undefined whole, 200 undefined whole, 200 undefined kept'
  const all = (answer: string): string => [answer, answer, answer].join(', ')
  assert.deepEqual(told, [
    `nothing: ${WELL}`,
    `slow-disk: ${WELL}`,
    `full-disk: ${all('503 disk-reserve counted')}`,
    `broken-disk: ${all('503 ledger-unavailable no')}`,
    'dead-upstream: 502 upstream-unreachable whole, 502 upstream-unreachable whole, ' +
      '502 upstream-unreachable kept',
    'hanging-upstream: 504 upstream-timeout whole, undefined undefined open, ' +
      '504 upstream-timeout kept',
    `clock-forward: ${WELL}`,
    `clock-back: ${WELL}`,
  ])
  assert.equal(verified.ok, true)
  assert.ok(verified.entries > 30, `${verified.entries} entries`)
  assert.ok(scenarios.every(({ routes }) => routes.every(({ backMs }) => backMs !== undefined)))
  assert.deepEqual([ok, exit], [true, 0])
  assert.deepEqual(readdirSync(place), [])
})

test('a configuration that cannot be read is told, and nothing is drilled', async () => {
  const file = join(directory, 'wrong.yaml')
  writeFileSync(file, `${CONFIG}polices: {}\n`)
  const { exit, out, err } = await run(['drill', file])
  assert.notEqual(exit, 0)
  assert.equal(out, '')
  assert.match(err, /polices/)
})

test('without a file it says which is missing', async () => {
  const { exit, err } = await run(['drill'])
  assert.equal(exit, 2)
  assert.match(err, /which file/)
})

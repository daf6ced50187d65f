// What was used stays used: across a reload, which changes the limit at once, and across restarts.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type DemoApi, startApi } from '../../packages/gateway/src/demo/index.ts'
import { waitFor } from '../demo-process.ts'
import { type GatewayLife, startLife } from '../faults/scratch-gateway.ts'
import { layOut, newKey } from '../laid-out.ts'
import { API } from '../program.ts'
import { Load } from '../proxy/load.ts'

let directory: string
let config: string
let api: DemoApi
let token: string

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'countersign-quotas-'))
  api = await startApi(API, 0)
  config = await layOut(directory, configuration(6))
  token = await newKey(config, 'ada')
})
after(async () => {
  await api.close()
  await rm(directory, { recursive: true })
})

function configuration(limit: number): string {
  return `version: 1
data: data
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
quotas: { month: { key: principal, limit: ${limit}, window: 31d } }
upstreams: { orders: { url: "http://127.0.0.1:${api.port}" } }
routes: [{ name: orders, path: /orders, upstream: orders, quotas: [month] }]
`
}

async function ask({ url }: GatewayLife) {
  const load = new Load(Number(new URL(url).port), token)
  const { status, headers } = await load.ask('/orders/7')
  load.close()
  const limit = /q=(\d+)/.exec(String(headers['ratelimit-policy']))?.[1]
  const left = /r=(\d+)/.exec(String(headers.ratelimit))?.[1]
  return { status, limit, left }
}

test('a reload keeps what was used, a stop and a kill -9 as well', async () => {
  const first = await startLife(config)
  for (const left of ['5', '4', '3', '2']) {
    assert.deepEqual(await ask(first), { status: 200, limit: '6', left })
  }
  await writeFile(config, configuration(5))
  first.process.kill('SIGHUP')
  let next = await ask(first)
  // A request before the reload is counted as well: then none is left after it.
  await waitFor(async () => {
    next = await ask(first)
    return next.limit === '5'
  })
  assert.equal((await ask(first)).status, 429, 'five were used, by whichever configuration')
  assert.equal(await first.stop('SIGTERM'), 0)

  const second = await startLife(config)
  assert.equal((await ask(second)).status, 429)
  await writeFile(config, configuration(8))
  second.process.kill('SIGHUP')
  await waitFor(async () => (await ask(second)).limit === '8')
  assert.equal(await second.stop('SIGKILL'), 'SIGKILL')

  const third = await startLife(config)
  const before = await ask(third)
  assert.equal(before.limit, '8')
  assert.ok(Number(before.left) <= 2, `${before.left} left of 8, and at least 5 were used`)
  assert.equal(await third.stop('SIGTERM'), 0)
})

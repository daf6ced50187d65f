// The package, packed and installed somewhere else, as a user gets it: it runs the demo, serves a
// request, and verifies. Slow (it asks the npm registry), so it is not a part of `npm test`.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { startDemo } from '../demo-process.ts'
import { startLife } from '../faults/scratch-gateway.ts'
import { layOut, newKey } from '../laid-out.ts'

const root = join(import.meta.dirname, '../..')
// Without the workspace's own Node.js in front: the launcher meets whatever the machine has.
const environment = { ...process.env, PATH: pathWithout(root) }

let home: string
let bin: string

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'countersign-pack-'))
  const packed = execFileSync(process.execPath, ['scripts/pack.ts'], {
    cwd: root,
    encoding: 'utf8',
  })
  const tarball = packed.trim().split('\n').at(-1) ?? ''
  execFileSync('npm', ['install', '--prefix', home, '--no-audit', '--no-fund', tarball])
  bin = join(home, 'node_modules/.bin/countersign')
})
after(() => rm(home, { recursive: true }))

function run(...args: readonly string[]): { readonly status: number | null; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(bin, args, {
    cwd: home,
    encoding: 'utf8',
    env: { ...environment, XDG_STATE_HOME: join(home, 'state') },
  })
  return { status, out: stdout + stderr }
}

test('its dependencies are pinned, and none of the workspace is among them', () => {
  const manifest = join(home, 'node_modules/countersign/package.json')
  const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  for (const [name, version] of Object.entries(dependencies)) {
    assert.doesNotMatch(name, /^@countersign\//)
    assert.match(version, /^\d+\.\d+\.\d+$/, name)
  }
})

test('it runs the demo, serves a request, and what it wrote verifies', async () => {
  const data = join(home, 'data')
  const demo = await startDemo({ data, command: [bin], environment })
  const { GATEWAY, ADMIN, ADA, VKEY } = demo.env
  const headers = { authorization: `Bearer ${ADA}` }
  const response = await fetch(`${GATEWAY}/orders/7`, { headers })
  assert.equal(response.status, 200)
  assert.ok(response.headers.has('countersign-receipt'))
  assert.match(await (await fetch(`${ADMIN}/`)).text(), /<title>Countersign<\/title>/)
  assert.equal(await demo.stop(), 0)

  const honest = run('verify', data, '--key', VKEY ?? '')
  assert.equal(honest.status, 0, honest.out)
  assert.equal(run('demo', 'tamper', '--data', data).status, 0)
  const tampered = run('verify', data, '--key', VKEY ?? '')
  assert.equal(tampered.status, 1, tampered.out)
  assert.match(tampered.out, /entry 17 is not the entry/)
})

test('it serves with two workers, whose program is packed as well', async (context) => {
  const upstream = createServer((_, response) => response.end('served'))
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  context.after(() => upstream.close())
  const { port } = upstream.address() as AddressInfo
  const directory = join(home, 'workers')
  const config = await layOut(
    directory,
    `version: 1
workers: 2
data: data
log: { level: error }
listeners: [{ name: main, host: 127.0.0.1, port: 0 }]
admin: { host: 127.0.0.1, port: 0 }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams: { one: { url: "http://127.0.0.1:${port}" } }
routes: [{ name: all, path: /, upstream: one }]
`,
  )
  const token = await newKey(config, 'ada')
  const life = await startLife(config, 'start', [bin])
  context.after(() => life.process.kill('SIGKILL'))
  const headers = { authorization: `Bearer ${token}`, connection: 'close' }
  for (let asked = 0; asked < 10; asked += 1) {
    const response = await fetch(life.url, { headers })
    assert.equal(await response.text(), 'served')
    assert.ok(response.headers.has('countersign-receipt'))
  }
  assert.equal(await life.stop('SIGTERM'), 0)
  const verified = run('verify', join(directory, 'data'), '--no-memory')
  assert.equal(verified.status, 0, verified.out)
})

test('it checks a configuration and shows its help', () => {
  assert.equal(run('config', 'check', join(home, 'data/countersign.yaml')).status, 0)
  assert.equal(run('--help').status, 0)
  assert.equal(run('strat').status, 2)
})

function pathWithout(directory: string): string {
  const parts = (process.env.PATH ?? '').split(delimiter)
  return parts.filter((part) => !part.startsWith(directory)).join(delimiter)
}

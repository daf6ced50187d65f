// The package, packed and installed somewhere else, as a user gets it: it runs the demo, serves a
// request, and verifies. Slow (it asks the npm registry), so it is not a part of `npm test`.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { startDemo } from '../demo-process.ts'

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

test('it checks a configuration and shows its help', () => {
  assert.equal(run('config', 'check', join(home, 'data/countersign.yaml')).status, 0)
  assert.equal(run('--help').status, 0)
  assert.equal(run('strat').status, 2)
})

function pathWithout(directory: string): string {
  const parts = (process.env.PATH ?? '').split(delimiter)
  return parts.filter((part) => !part.startsWith(directory)).join(delimiter)
}

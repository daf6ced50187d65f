import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../../../test/run-cli.ts'
import { parseKeysFile } from '../identity/index.ts'

const directory = await mkdtemp(join(tmpdir(), 'countersign-keys-'))
after(() => rm(directory, { recursive: true }))
const config = join(directory, 'gateway.yaml')
await writeFile(
  config,
  `version: 1
identity: {keysFile: keys/api.yaml}
policies: {directory: policies}
listeners: [{name: main, port: 0}]
upstreams: {orders: {url: 'http://127.0.0.1:1'}}
routes: [{name: orders, path: /orders, upstream: orders}]
`,
)

test('a key is shown once, kept as a hash, and known from then on', async () => {
  const args = ['keys', 'create', '--config', config, '--principal', 'ada', '--group', 'staff']
  const { exit, out, err } = await run([...args, '--days', '30', '--label', 'laptop'])
  assert.equal(exit, 0, err)
  const token = out.trim()
  assert.match(token, /^cs_[a-z2-9]{8}_/)
  assert.ok(!err.includes(token), 'the key itself is on standard output alone')
  const file = join(directory, 'keys/api.yaml')
  const text = await readFile(file, 'utf8')
  assert.ok(!text.includes(token.split('_')[2] ?? token))
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const known = parseKeysFile(text).get(token.slice(3, 11))
  assert.deepEqual([known?.principal.id, known?.principal.groups], ['ada', ['staff']])
})

test('--json prints the same facts for a program', async () => {
  const args = ['keys', 'create', '--config', config, '--principal', 'robot', '--kind', 'service']
  const { out } = await run([...args, '--json'])
  const facts = JSON.parse(out) as Record<string, unknown>
  assert.equal(facts.principal, 'robot')
  assert.equal(facts.kind, 'service')
  assert.match(String(facts.token), new RegExp(`^cs_${String(facts.prefix)}_`))
})

test('a principal that is two things is refused, and the file stays', async () => {
  const file = join(directory, 'keys/api.yaml')
  const before = await readFile(file, 'utf8')
  const args = ['keys', 'create', '--config', config, '--principal', 'robot']
  const { exit, err } = await run(args)
  assert.equal(exit, 2)
  assert.match(err, /robot is a service and a user/)
  assert.equal(await readFile(file, 'utf8'), before)
})

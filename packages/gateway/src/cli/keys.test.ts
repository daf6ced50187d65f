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
  // The secret may have an underscore too.
  assert.ok(!text.includes(token.split('_').slice(2).join('_')))
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

async function created(...more: readonly string[]): Promise<{ token: string; prefix: string }> {
  const { out, exit, err } = await run(['keys', 'create', '--config', config, '--json', ...more])
  assert.equal(exit, 0, err)
  return JSON.parse(out) as { token: string; prefix: string }
}

async function kept(): Promise<ReturnType<typeof parseKeysFile>> {
  return parseKeysFile(await readFile(join(directory, 'keys/api.yaml'), 'utf8'))
}

test('a key that rotates leaves time to take over; the new one is good for the same', async () => {
  const scopes = ['--scope', 'read', '--scope', 'write', '--role', 'clerk']
  const old = await created('--principal', 'cyd', '--label', 'shop', ...scopes)
  const args = ['keys', 'rotate', old.prefix, '--config', config, '--overlap', '2']
  const { exit, out, err } = await run(args)
  assert.equal(exit, 0, err)
  const prefix = out.slice(3, 11)
  const keys = await kept()
  assert.equal(keys.get(prefix)?.replaces, old.prefix)
  assert.deepEqual(keys.get(prefix)?.principal, keys.get(old.prefix)?.principal)
  assert.deepEqual(keys.get(prefix)?.principal.scopes, ['read', 'write'])
  assert.equal(keys.get(prefix)?.credential.expiresAtUs, undefined)
  const endsUs = keys.get(old.prefix)?.credential.expiresAtUs ?? 0
  const inHours = (endsUs / 1000 - Date.now()) / 3_600_000
  assert.ok(inHours > 1.9 && inHours <= 2, `${inHours} hours`)
})

test('an end that is nearer than the overlap stays', async () => {
  const { prefix } = await created('--principal', 'dov')
  await run(['keys', 'expire', prefix, '--config', config, '--hours', '1'])
  const before = (await kept()).get(prefix)?.credential.expiresAtUs
  await run(['keys', 'rotate', prefix, '--config', config])
  assert.equal((await kept()).get(prefix)?.credential.expiresAtUs, before)
})

test('a key that is revoked is gone, and one that ends now is over', async () => {
  const gone = await created('--principal', 'eve')
  const over = await created('--principal', 'fay')
  await run(['keys', 'revoke', gone.prefix, '--config', config])
  await run(['keys', 'expire', over.prefix, '--config', config])
  const keys = await kept()
  assert.equal(keys.has(gone.prefix), false)
  assert.ok((keys.get(over.prefix)?.credential.expiresAtUs ?? 0) <= Date.now() * 1000)
  const { out } = await run(['keys', 'list', '--config', config])
  assert.match(out, new RegExp(`^${over.prefix}  fay  expired`, 'm'))
  assert.ok(!out.includes(over.token), 'a list shows no key')
  const { exit, err } = await run(['keys', 'revoke', gone.prefix, '--config', config])
  assert.equal(exit, 2)
  assert.match(err, /has no key .*keys list/)
})

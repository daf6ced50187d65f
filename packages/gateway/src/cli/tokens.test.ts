import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../../../test/run-cli.ts'
import { parseRevocations } from '../identity/index.ts'

const directory = await mkdtemp(join(tmpdir(), 'countersign-tokens-'))
after(() => rm(directory, { recursive: true }))
const file = join(directory, 'revoked.yaml')

async function config(name: string, identity: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(
    path,
    `version: 1
identity: {keysFile: keys.yaml${identity}}
policies: {directory: policies}
listeners: [{name: main, port: 0}]
upstreams: {orders: {url: 'http://127.0.0.1:1'}}
routes: [{name: orders, path: /orders, upstream: orders}]
`,
  )
  return path
}

const issuer = (name: string) =>
  `{name: ${name}, issuer: 'https://${name}.example', audiences: [a]}`
const one = await config('one.yaml', `, revocationsFile: revoked.yaml, issuers: [${issuer('id')}]`)
const two = await config(
  'two.yaml',
  `, revocationsFile: revoked.yaml, issuers: [${issuer('id')}, ${issuer('other')}]`,
)
const none = await config('none.yaml', '')

async function entries() {
  return [...parseRevocations(await readFile(file, 'utf8')).entries.values()]
}

test('a token is revoked by its id, in a file for its owner alone', async () => {
  const { exit, err } = await run(['tokens', 'revoke', '--config', one, '--jti', 't-1'])
  assert.equal(exit, 0, err)
  const [entry] = await entries()
  assert.deepEqual([entry?.issuer, entry?.jti], ['https://id.example', 't-1'])
  assert.equal((await stat(file)).mode & 0o077, 0)
})

test('all tokens of a subject are revoked, up to now', async () => {
  await run(['tokens', 'revoke', '--config', two, '--issuer', 'other', '--subject', 'ada'])
  const entry = (await entries()).at(-1)
  assert.deepEqual([entry?.issuer, entry?.subject], ['https://other.example', 'ada'])
  assert.ok(Math.abs(Date.parse(entry?.before ?? '') - Date.now()) < 60_000)
  const { out } = await run(['tokens', 'list', '--config', two])
  assert.match(out, /^rv_[a-z2-9]{8} {2}https:\/\/other.example {2}subject ada before /m)
})

for (const [name, args, want] of [
  ['neither token nor subject', ['--config', one], /say --jti or --subject/],
  ['both', ['--config', one, '--jti', 'a', '--subject', 'b'], /cannot be used with/],
  ['one of several issuers, not said which', ['--config', two, '--jti', 'a'], /id, other/],
  ['no file to write to', ['--config', none, '--jti', 'a'], /names no identity.revocationsFile/],
] as const) {
  test(`does not revoke: ${name}`, async () => {
    const { exit, err } = await run(['tokens', 'revoke', ...args])
    assert.equal(exit, 2)
    assert.match(err, want)
  })
}

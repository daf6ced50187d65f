import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../../../../test/run-cli.ts'
import { POLICY_SCHEMA } from '../policy/index.ts'

const directory = await mkdtemp(join(tmpdir(), 'countersign-policy-'))
after(() => rm(directory, { recursive: true }))

async function files(name: string, texts: Readonly<Record<string, string>>): Promise<string> {
  const at = join(directory, name)
  await mkdir(at, { recursive: true })
  for (const [file, text] of Object.entries(texts)) await writeFile(join(at, file), text)
  return at
}

const GOOD = '@id("readers") permit (principal in Group::"readers", action, resource);\n'
const BAD = `permit (principal, action, resource)
when { principal.grups.contains("a") };
`
const SLOW = `@id("huge") forbid (principal, action, resource)
when { 9223372036854775807 - 1 == 0 || context.tls };
`

test('check says what is in force together, and how slow it is', async () => {
  const at = await files('good', { 'a.cedar': GOOD, 'b.cedar': SLOW, 'notes.txt': 'not a policy' })
  const { exit, out } = await run(['policy', 'check', at])
  assert.equal(exit, 0)
  assert.match(out, /^b\.cedar: huge is decided by the slower engine, because of a number beyond/)
  assert.match(out, /\nok: policies: 2, files: 2, digest [0-9a-f]{64}\n$/)
  const json = await run(['policy', 'check', at, '--json'])
  const { ok, policies, uncovered } = JSON.parse(json.out) as Record<string, unknown>
  assert.deepEqual([ok, policies], [true, ['huge', 'readers']])
  const why = 'a number beyond 2^53 - 1'
  assert.deepEqual(uncovered, [{ id: 'huge', file: 'b.cedar', why }])
})

test('check names every mistake with file, line, column and a hint: 1', async () => {
  const at = await files('bad', { 'a.cedar': GOOD, 'b.cedar': BAD, 'c.cedar': 'permit (' })
  const { exit, err } = await run(['policy', 'check', at])
  assert.equal(exit, 1)
  assert.match(err, /^b\.cedar:2:8: attribute `grups` .* \(did you mean `groups`\?\)$/m)
  assert.match(err, /^c\.cedar:1:9: /m)
  const json = await run(['policy', 'check', at, '--json'])
  const { ok, problems } = JSON.parse(json.out) as { ok: boolean; problems: { line: number }[] }
  assert.deepEqual([json.exit, ok, problems.length], [1, false, 2])
})

test('check takes the directory of a configuration', async () => {
  await files('good', { 'a.cedar': GOOD })
  const config = join(directory, 'gateway.yaml')
  await writeFile(
    config,
    `version: 1
identity: {keysFile: keys.yaml}
policies: {directory: good}
listeners: [{name: main, port: 0}]
upstreams: {orders: {url: 'http://127.0.0.1:1'}}
routes: [{name: orders, path: '/orders/{id}', upstream: orders}]
`,
  )
  assert.equal((await run(['policy', 'check', '--config', config])).exit, 0)
  assert.match((await run(['policy', 'check'])).err, /which policies\?/)
})

const TABLE = `policies: good
principals: {ada: {id: ada, groups: [readers]}}
given: {route: orders}
cases:
  - {name: ada reads, principal: ada, expect: allow, policies: [readers]}
  - {name: nobody reads, expect: no-policy-permits}
`

test('test holds policies against a table', async () => {
  await files('good', { 'a.cedar': GOOD, 'b.cedar': '' })
  const table = join(directory, 'cases.yaml')
  await writeFile(table, TABLE)
  const { exit, out } = await run(['policy', 'test', table])
  assert.deepEqual([exit, out], [0, '2 passed, 0 failed\n'])
})

test('test says what was expected and what came: 1', async () => {
  await files('good', { 'a.cedar': GOOD, 'b.cedar': '' })
  const table = join(directory, 'wrong.json')
  const cases = [
    { name: 'ada is kept out', principal: 'ada', expect: 'deny', policies: ['other'] },
    { name: 'bob', principal: 'bob', expect: 'allow' },
    { name: 'nobody', expect: 'deny', policies: [] },
  ]
  const principals = { ada: { id: 'ada', groups: ['readers'] } }
  await writeFile(table, JSON.stringify({ policies: 'good', principals, cases }))
  const { exit, out } = await run(['policy', 'test', table])
  assert.equal(exit, 1)
  assert.equal(
    out,
    `FAILED ada is kept out
  verdict: expected deny, got allow
  policies: expected other, got readers
  decided by readers
FAILED bob
  its principal is a name that principals does not have
  decided by nothing
1 passed, 2 failed
`,
  )
  const json = await run(['policy', 'test', table, '--json'])
  const { passed, failed } = JSON.parse(json.out) as Record<string, number>
  assert.deepEqual([json.exit, passed, failed], [1, 1, 2])
})

test('a table with a mistake is refused, with its line: 2', async () => {
  const table = join(directory, 'mistaken.yaml')
  await writeFile(table, TABLE.replace('given:', 'givn:'))
  const { exit, err } = await run(['policy', 'test', table])
  assert.equal(exit, 2)
  assert.match(err, /mistaken\.yaml:3: givn: unknown key \(did you mean given\?\)/)
})

test('what is not there is named, once: 2', async () => {
  for (const command of ['check', 'test']) {
    const { exit, err } = await run(['policy', command, join(directory, 'nowhere')])
    assert.deepEqual([exit, err], [2, `countersign: there is no ${join(directory, 'nowhere')}\n`])
  }
})

test('schema prints what a policy may mention', async () => {
  const { exit, out } = await run(['policy', 'schema'])
  assert.deepEqual([exit, out], [0, POLICY_SCHEMA])
})

// What `config check` says of routes whose records need not be durable first.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ran, run } from '../run-cli.ts'

async function check(route: string, ...options: string[]): Promise<Ran> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-relaxed-'))
  const file = join(directory, 'countersign.yaml')
  await writeFile(
    file,
    `version: 1
identity: { keysFile: keys.yaml }
policies: { directory: policies }
listeners: [{ name: main, port: 0 }]
upstreams: { tiles: { url: "http://127.0.0.1:1" } }
limits: { relaxedRecordsMax: 300 }
routes: [{ name: tiles, path: /tiles, upstream: tiles${route} }]
`,
  )
  try {
    return await run(['config', 'check', file, ...options])
  } finally {
    await rm(directory, { recursive: true })
  }
}

const WARNING = /tiles are relaxed.*a crash may take 300 records of the last 1000 ms/

test('a relaxed route is right, and what a crash may take of it is told', async () => {
  const { exit, out, err } = await check(', record: relaxed')
  assert.deepEqual([exit, out], [0, 'ok: listeners: 1, routes: 1\n'])
  assert.match(err, WARNING)
  const { ok, warnings } = JSON.parse((await check(', record: relaxed', '--json')).out) as {
    readonly ok: boolean
    readonly warnings: readonly string[]
  }
  assert.ok(ok)
  assert.match(warnings.join('\n'), WARNING)
})

test('a strict one is nothing to warn of', async () => {
  const { exit, err } = await check('')
  assert.deepEqual([exit, err], [0, ''])
})

test('a statement says where a request is recorded: its route is not relaxed', async () => {
  const { exit, err } = await check(', record: relaxed, identity: signed')
  assert.equal(exit, 1)
  assert.match(err, /routes\[0\]\.record.*signed statement/)
})

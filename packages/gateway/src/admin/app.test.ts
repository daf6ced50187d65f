import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk, systemClock, writeFileDurably } from '../platform/index.ts'
import { type AdminApp, adminApp } from './app.ts'
import { lastSegment } from './containment.ts'
import type { AdminParts } from './route.ts'
import { standingParts } from './testing.ts'

const SIZE = 70_000
const IMMUTABLE = 'public, max-age=31536000, immutable'

const logDirectory = await mkdtemp(join(tmpdir(), 'countersign-admin-'))
after(() => rm(logDirectory, { recursive: true }))
await put('vkeys', 'a vkey\n')
await put('checkpoint', 'newer than what was announced\n')
for (const path of ['tile/0/000', 'tile/0/272', 'tile/entries/273.p/112', 'tile/1/001.p/17']) {
  await put(path, path)
}
await put('tile/entries/273.p/113', 'not under a checkpoint yet')
await put('tile/0/273', 'not under a checkpoint yet')
await put('secret', 'in the directory, but no part of a log')

const failures: Error[] = []
const parts: AdminParts = {
  ...(await standingParts()),
  disk: nodeDisk(),
  logDirectory,
  published: () => ({ size: SIZE, note: 'the announced checkpoint\n' }),
  state: () => 'open',
  answerWellKnown: async ({ url }) => new Response(url),
  consolePage: '<!doctype html>',
  metrics: () => assert.fail(),
  upstreams: () => [],
  isConfigured: () => false,
  volume: () => ({ level: 'ample' as const, freeBytes: 0 }),
  configuring: { reload: () => assert.fail(), inForce: () => assert.fail() },
  guard: {
    clock: systemClock(),
    identify: () => assert.fail('nobody need show who they are'),
    roles: () => assert.fail('nobody need have a role'),
    externalOrigin: () => assert.fail('nobody need show who they are'),
    barred: () => undefined,
    recorder: { act: () => assert.fail('nothing is done'), actant: () => assert.fail() },
  },
}
const app = adminApp(parts, (error) => failures.push(error))

async function put(path: string, text: string): Promise<void> {
  const file = join(logDirectory, path)
  await nodeDisk().makeDirectory(join(file, '..'))
  await writeFileDurably(nodeDisk(), file, new TextEncoder().encode(text))
}

async function ask(path: string, method = 'GET', of: AdminApp = app): Promise<Response> {
  return of(new Request(`http://localhost:9080${path}`, { method }))
}

for (const [path, status, caching, type, body] of [
  [
    '/log/checkpoint',
    200,
    'public, max-age=1',
    'text/plain; charset=utf-8',
    'the announced checkpoint\n',
  ],
  ['/log/vkeys', 200, 'public, max-age=1', 'text/plain; charset=utf-8', 'a vkey\n'],
  ['/log/tile/0/000', 200, IMMUTABLE, 'application/octet-stream', 'tile/0/000'],
  ['/log/tile/0/272', 200, IMMUTABLE, 'application/octet-stream', 'tile/0/272'],
  ['/log/tile/1/001.p/17', 200, IMMUTABLE, 'application/octet-stream', 'tile/1/001.p/17'],
  [
    '/log/tile/entries/273.p/112',
    200,
    IMMUTABLE,
    'application/octet-stream',
    'tile/entries/273.p/112',
  ],
] as const) {
  test(`${path} is served, and cached as long as it stays true`, async () => {
    const response = await ask(path)
    assert.equal(response.status, status)
    assert.equal(response.headers.get('cache-control'), caching)
    assert.equal(response.headers.get('content-type'), type)
    assert.equal(response.headers.get('content-length'), String(body.length))
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(await response.text(), body)
  })
}

for (const [path, why] of [
  ['/log/tile/0/001', 'the file is not there'],
  ['/log/tile/entries/273.p/113', 'no checkpoint covers it yet'],
  ['/log/tile/0/273', 'the tile is not full under the checkpoint'],
  ['/log/secret', 'it is no path of a log'],
  ['/log/tile/0/0', 'an index has three digits'],
  ['/log/tile/00/000', 'a level has no leading zero'],
  ['/log/tile/0/000.p/0', 'an empty tile does not exist'],
  ['/log/tile/0/000.p/256', 'a full tile has no width in its path'],
  ['/log/tile/entries/x000/000', 'an index has no leading group of zeros'],
  ['/log/tile/0/%30%30%30', 'one file has one path'],
  ['/log/tile/0/000/', 'one file has one path'],
  ['/log//tile/0/000', 'one file has one path'],
  ['/log/tile/..%2f..%2fsecret', 'nothing outside the log is served'],
  ['/log/', 'a directory is not listed'],
  ['/nothing', 'nothing is served there'],
] as const) {
  test(`${path} is 404 and not cached: ${why}`, async () => {
    const response = await ask(path)
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
  })
}

test('HEAD says what GET says, without the body', async () => {
  const [head, get] = [await ask('/log/tile/0/000', 'HEAD'), await ask('/log/tile/0/000')]
  assert.deepEqual([...head.headers], [...get.headers])
  assert.equal((await head.arrayBuffer()).byteLength, 0)
})

for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
  test(`${method} on a route is 405 and says what is allowed`, async () => {
    const response = await ask('/log/checkpoint', method)
    assert.equal(response.status, 405)
    assert.equal(response.headers.get('allow'), 'GET, HEAD')
  })
}

test('before anything is published the log is empty, not an error', async () => {
  const empty = adminApp({ ...parts, published: () => undefined }, () => assert.fail())
  assert.equal((await ask('/log/checkpoint', 'GET', empty)).status, 404)
})

test('readiness follows the ledger, health does not', async () => {
  const full = adminApp({ ...parts, state: () => 'full' }, () => assert.fail())
  assert.equal((await ask('/readyz')).status, 200)
  const notReady = await ask('/readyz', 'GET', full)
  assert.equal(notReady.status, 503)
  assert.equal(await notReady.text(), 'not ready: full\n')
  assert.equal((await ask('/healthz', 'GET', full)).status, 200)
})

test('a failure is told to the operator, and nothing of it to the caller', async () => {
  const { disk } = parts
  const broken = { ...disk, read: () => Promise.reject(new Error('/secret/path: EIO')) }
  const response = await ask(
    '/log/vkeys',
    'GET',
    adminApp({ ...parts, disk: broken }, (error) => {
      failures.push(error)
    }),
  )
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /secret|EIO/)
  assert.match(failures.at(-1)?.message ?? '', /EIO/)
})

test('the end of a path that cannot be decoded stays as it is', () => {
  const idIn = (path: string) => lastSegment(new Request(`http://localhost/api/${path}`))
  assert.deepEqual(['c-1', 'a%2Fb', '%zz', ''].map(idIn), ['c-1', 'a/b', '%zz', ''])
})

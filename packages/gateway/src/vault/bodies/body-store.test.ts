import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { CapturedFacts } from '@countersign/evidence'
import { SeededRandom, SimulatedDisk } from '../../platform/index.ts'
import { VaultError, type VaultErrorCode } from '../errors.ts'
import { KeyRing } from '../key-ring.ts'
import type { SealKey } from '../seal-key.ts'
import { KEK, KEYS_DIRECTORY, NOW_US, ORIGIN } from '../testing.ts'
import { Vault } from '../vault.ts'
import { BODY_ALGORITHM, BODY_CHUNK_BYTES, BODY_SALT_BYTES } from './body-format.ts'
import { bodyPath, parseBodyPath } from './body-path.ts'
import { BodyReader } from './body-reader.ts'
import { BodyStore } from './body-store.ts'
import type { SealedBody } from './body-writer.ts'

const ADA = { issuer: 'https://login.example.org', id: 'ada@example.org' }

interface Rig {
  readonly disk: SimulatedDisk
  readonly store: BodyStore
  readonly key: SealKey
  readonly reader: BodyReader
  readonly faults: unknown[]
}

async function open(disk = new SimulatedDisk()): Promise<Rig> {
  const [random, directory, origin] = [new SeededRandom(3), KEYS_DIRECTORY, ORIGIN]
  const vault = await Vault.open({ disk, random, directory, origin, kek: KEK, nowUs: NOW_US })
  const key = vault.subjectKey(ADA, NOW_US)
  const ring = new KeyRing({ disk, directory, kek: KEK, origin })
  if (key.row !== undefined) ring.learn(key.row)
  const faults: unknown[] = []
  const onFault = (fault: unknown): void => void faults.push(fault)
  const store = new BodyStore({ disk, random, origin, data: '/data', onFault })
  const reader = new BodyReader({ disk, ring, origin, data: '/data' })
  return { disk, store, key, reader, faults }
}

async function write({ store, key }: Rig, pieces: readonly Uint8Array[]): Promise<SealedBody> {
  const writer = await store.begin(key, 4)
  for (const piece of pieces) await writer.add(piece)
  return writer.finish()
}

function factsOf({ sha256, bytes, key, contentBytes, contentSha256 }: SealedBody): CapturedFacts {
  const id = Buffer.from(key.id).toString('hex')
  return { sha256, bytes, algorithm: BODY_ALGORITHM, key: id, contentBytes, contentSha256 }
}

async function contentOf({ reader }: Rig, facts: CapturedFacts): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  await reader.read(facts, (piece) => void pieces.push(Uint8Array.from(piece)))
  return Buffer.concat(pieces)
}

const isCode = (code: VaultErrorCode) => (error: unknown) =>
  error instanceof VaultError && error.code === code

const FULL = BODY_CHUNK_BYTES - BODY_SALT_BYTES
for (const [name, sizes] of [
  ['nothing', []],
  ['one byte', [1]],
  ['exactly one chunk', [FULL]],
  ['one byte more than a chunk', [FULL, 1]],
  ['exactly two chunks, in small pieces', Array(64).fill((FULL + BODY_CHUNK_BYTES) / 64)],
  ['one large piece', [5 * BODY_CHUNK_BYTES + 17]],
] as const) {
  test(`${name} is read back as it was written`, async () => {
    const rig = await open()
    const pieces = sizes.map((bytes, nth) => Buffer.alloc(bytes, nth + 1))
    const body = await write(rig, pieces)
    const want = Buffer.concat(pieces)
    assert.deepEqual(await contentOf(rig, factsOf(body)), want, 'while it waits')
    await rig.store.keep(body)
    assert.deepEqual(await contentOf(rig, factsOf(body)), want, 'where it stays')
    const file = await rig.disk.read(`/data/${bodyPath(body.sha256)}`)
    assert.equal(hash('sha256', file), body.sha256)
    assert.equal(file.length, body.bytes)
    assert.equal((await rig.reader.read(factsOf(body))).sha256, hash('sha256', want))
    assert.deepEqual(rig.faults, [])
  })
}

test('nothing of a body is on the disk in clear', async () => {
  const rig = await open()
  const secret = Buffer.from('PIN 4711 '.repeat(20_000))
  const { sha256 } = await write(rig, [secret])
  const [waiting] = await rig.store.open()
  const file = await rig.disk.read(waiting?.path ?? '')
  assert.equal(waiting?.sha256, sha256)
  assert.equal(Buffer.from(file).includes('PIN 4711'), false)
})

test('what was never finished is gone at the next start; what was is told', async () => {
  const rig = await open()
  const half = await rig.store.begin(rig.key, 4)
  await half.add(Buffer.alloc(3 * BODY_CHUNK_BYTES))
  const whole = await write(rig, [Buffer.from('whole')])
  const left = await rig.store.open()
  assert.deepEqual(
    left.map(({ sha256, incarnation }) => [sha256, incarnation]),
    [[whole.sha256, 4]],
  )
  const names = (await rig.disk.list('/data/bodies/incoming')).map(({ name }) => name)
  assert.equal(names.length, 1)
})

test('what was abandoned leaves nothing behind', async () => {
  const rig = await open()
  for (const bytes of [10, 3 * BODY_CHUNK_BYTES]) {
    const writer = await rig.store.begin(rig.key, 4)
    await writer.add(Buffer.alloc(bytes))
    await writer.abandon()
  }
  assert.deepEqual(await rig.disk.list('/data/bodies/incoming'), [])
})

test('every byte of a file counts', async () => {
  const rig = await open()
  const body = await write(rig, [Buffer.from('{"answer":42}')])
  await rig.store.keep(body)
  const path = `/data/${bodyPath(body.sha256)}`
  const good = Buffer.from(await rig.disk.read(path))
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 0x40
    await put(rig.disk, path, bad)
    await assert.rejects(rig.reader.read(factsOf(body)), isCode('VAULT_NOT_AUTHENTIC'), `${at}`)
  }
  await put(rig.disk, path, good.subarray(0, -1))
  await assert.rejects(rig.reader.read(factsOf(body)), isCode('VAULT_NOT_AUTHENTIC'), 'cut')
  await rig.disk.remove(path)
  await assert.rejects(rig.reader.read(factsOf(body)), isCode('VAULT_FILE_MISSING'), 'gone')
})

test('a record that tells of another content is found out', async () => {
  const rig = await open()
  const body = await write(rig, [Buffer.from('content')])
  const facts = factsOf(body)
  const other = { ...facts, contentSha256: hash('sha256', 'content') }
  await assert.rejects(rig.reader.read(other), isCode('VAULT_NOT_AUTHENTIC'))
  await assert.rejects(
    rig.reader.read({ ...facts, contentBytes: 6 }),
    isCode('VAULT_NOT_AUTHENTIC'),
  )
  await assert.rejects(rig.reader.read({ ...facts, algorithm: 'x' }), isCode('VAULT_MALFORMED'))
  const key = `${facts.key.slice(0, 4)}${'0'.repeat(28)}`
  await assert.rejects(rig.reader.read({ ...facts, key }), isCode('VAULT_KEY_MISSING'))
})

for (const operation of ['open', 'write', 'sync', 'rename', 'sync-directory'] as const) {
  test(`a ${operation} that fails is a body that is not there`, async () => {
    const rig = await open()
    await write(rig, [Buffer.from('the folder stands')])
    const writer = await rig.store.begin(rig.key, 4)
    rig.disk.inject({ operation, nth: 1, path: 'incoming' })
    await writer.add(Buffer.from('never there'))
    await assert.rejects(writer.finish())
    await writer.abandon()
    const next = await write(rig, [Buffer.from('the next one')])
    assert.equal((await contentOf(rig, factsOf(next))).toString(), 'the next one')
  })
}

test('a body that many write at once is one each', async () => {
  const rig = await open()
  const texts = Array.from({ length: 50 }, (_, nth) => `body ${nth}`)
  const bodies = await Promise.all(texts.map((text) => write(rig, [Buffer.from(text)])))
  for (const [nth, body] of bodies.entries()) {
    assert.equal((await contentOf(rig, factsOf(body))).toString(), texts[nth])
  }
  assert.equal(new Set(bodies.map(({ sha256 }) => sha256)).size, 50)
})

const SHA = 'ab'.repeat(32)
for (const [path, want] of [
  [`ab/${SHA}`, SHA],
  [`incoming/0000000000000004-${SHA}`, SHA],
  [`cd/${SHA}`, undefined],
  [SHA, undefined],
  [`ab/${SHA}/x`, undefined],
  [`incoming/${SHA}`, undefined],
  [`ab/${SHA.toUpperCase()}`, undefined],
] as const) {
  test(`${path} is ${want === undefined ? 'no body' : 'a body'}`, () => {
    assert.equal(parseBodyPath(path), want)
  })
}

async function put(disk: SimulatedDisk, path: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(path)
  const file = await disk.open(path, { for: 'write', create: 'new' })
  await file.write(0, bytes)
  await file.close()
}

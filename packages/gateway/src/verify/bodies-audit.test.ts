import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { CapturableBody, CapturedFacts } from '@countersign/evidence'
import { SeededRandom, SimulatedDisk } from '../platform/index.ts'
import {
  BODY_ALGORITHM,
  BodyReader,
  BodyStore,
  bodyPath,
  KeyRing,
  parseKek,
  Vault,
} from '../vault/index.ts'
import { BodiesAudit, type Gone } from './bodies-audit.ts'
import { Findings } from './report.ts'

const CONTENT = '{"answer":42}'
const NONE: Gone = { expired: new Set(), erased: new Set() }

interface Rig {
  readonly disk: SimulatedDisk
  readonly facts: CapturedFacts
  readonly body: CapturableBody
  readonly audit: (body?: CapturableBody, gone?: Gone) => Promise<Findings>
}

async function open(): Promise<Rig> {
  const disk = new SimulatedDisk()
  const [random, kek, origin, nowUs] = [new SeededRandom(5), parseKek('2e'.repeat(32)), 'o', 1e15]
  const vault = await Vault.open({ disk, random, directory: '/data/keys', origin, kek, nowUs })
  const key = vault.subjectKey({ issuer: 'i', id: 'ada' }, nowUs)
  const ring = new KeyRing({ disk, directory: '/data/keys', kek, origin })
  if (key.row !== undefined) ring.learn(key.row)
  const onFault = (fault: unknown): never => assert.fail(String(fault))
  const store = new BodyStore({ disk, random, origin, data: '/data', onFault })
  const writer = await store.begin(key, 1)
  await writer.add(Buffer.from(CONTENT))
  const sealed = await writer.finish()
  await store.keep(sealed)
  const { sha256, bytes, contentBytes, contentSha256 } = sealed
  const keyId = Buffer.from(key.id).toString('hex')
  const of = { sha256, bytes, algorithm: BODY_ALGORITHM, key: keyId, contentBytes, contentSha256 }
  const told = { bytes: CONTENT.length, sha256: hash('sha256', CONTENT), captured: of }
  const audit = async (body: CapturableBody = told, gone = NONE): Promise<Findings> => {
    const to = new Findings()
    const reader = new BodyReader({ disk, ring, origin, data: '/data' })
    const bodies = new BodiesAudit({ reader, to })
    bodies.tell(body, 7)
    await bodies.read()
    bodies.finish(gone)
    await bodies.walk(disk, '/data', true)
    return to
  }
  return { disk, facts: of, body: told, audit }
}

test('a body that is what its record says is no finding', async () => {
  const { bad, notChecked } = await (await open()).audit()
  assert.deepEqual([bad, notChecked], [[], []])
})

for (const [name, change, why] of [
  ['of another digest', { sha256: hash('sha256', 'other') }, /another content/],
  ['of another length', { bytes: 12 }, /not so much content/],
] as const) {
  test(`a whole body ${name} than the message had is found`, async () => {
    const { body, audit } = await open()
    const { bad } = await audit({ ...body, ...change })
    assert.equal(bad.length, 1)
    assert.match(bad[0]?.why ?? '', why)
  })
}

for (const more of [{ truncated: true }, { decoded: 'gzip' }, { redactions: [] }] as const) {
  test(`a body that is ${Object.keys(more).join()} is not held against the whole`, async () => {
    const { body, facts, audit } = await open()
    const other = { bytes: 100, sha256: hash('sha256', 'x'), captured: { ...facts, ...more } }
    assert.deepEqual((await audit({ ...body, ...other })).bad, [])
  })
}

test('a part that is longer than the whole is found', async () => {
  const { body, facts, audit } = await open()
  const { bad } = await audit({ ...body, bytes: 3, captured: { ...facts, truncated: true } })
  assert.match(bad[0]?.why ?? '', /more content/)
})

test('a body that is gone is found, unless a retention or an erasure explains it', async () => {
  const { disk, facts, body, audit } = await open()
  await disk.remove(`/data/${bodyPath(facts.sha256)}`)
  assert.match((await audit()).bad[0]?.why ?? '', /is gone, though record 7 names it/)
  const expired = new Set([bodyPath(facts.sha256)])
  assert.deepEqual((await audit(body, { ...NONE, expired })).bad, [])
  assert.deepEqual((await audit(body, { ...NONE, erased: new Set([facts.key]) })).bad, [])
})

test('a body whose key is gone is found, unless an erasure explains it', async () => {
  const { facts, body, audit } = await open()
  const key = `${facts.key.slice(0, 4)}${'ab'.repeat(14)}`
  const other = { ...body, captured: { ...facts, key } }
  assert.match((await audit(other)).bad[0]?.why ?? '', /was not erased/)
  assert.deepEqual((await audit(other, { ...NONE, erased: new Set([key]) })).bad, [])
})

test('a body that this version cannot read is not checked, but its file is', async () => {
  const { facts, body, audit } = await open()
  const other = { ...body, captured: { ...facts, algorithm: 'csc2' } }
  const { bad, notChecked } = await audit(other)
  assert.deepEqual([bad.length, notChecked.length], [0, 1])
})

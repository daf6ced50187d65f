import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BodyStore } from '../vault/index.ts'
import { type CapturedBody, sealedFacts } from './bodies.ts'
import type { IntentDraft } from './drafts.ts'
import type { Recorder } from './recorder.ts'
import { Machine, ORIGIN } from './testing.ts'

const ADA: IntentDraft = {
  who: { principal: { id: 'ada', kind: 'user', issuer: 'keys' } },
  where: { address: '192.0.2.7' },
  what: { method: 'POST', scheme: 'http', authority: 'localhost', path: '/orders' },
  why: { verdict: 'allow', reason: 'policy-permits' },
}
const MONTH_US = 31 * 86_400_000_000

async function start(machine: Machine): Promise<{ recorder: Recorder; store: BodyStore }> {
  const { disk, random } = machine
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  const store = new BodyStore({ disk, random, origin: ORIGIN, data: '/data', onFault })
  return { recorder: await machine.start({ bodies: store }), store }
}

async function seal(recorder: Recorder): Promise<CapturedBody> {
  const writer = await recorder.bodies.begin(ADA.who, ADA.where)
  await writer.add(Buffer.from('body'))
  return writer.finish()
}

function naming(body: CapturedBody): IntentDraft {
  const captured = sealedFacts(body)
  return { ...ADA, what: { ...ADA.what, body: { bytes: 4, captured } }, bodies: [body] }
}

test('the key of a body is as durable as the record that names it', async () => {
  const machine = new Machine()
  const { recorder } = await start(machine)
  const body = await seal(recorder)
  machine.clock.jump(MONTH_US)
  const intent = await recorder.intent(naming(body))
  machine.crash()
  const { recorder: next } = await start(machine)
  await machine.stop(next)
  const record = (await machine.records())[intent.index]
  const id = Buffer.from(body.key.id).toString('hex')
  assert.notEqual(record?.keyIds.who, id)
  assert.ok(await machine.holdsKey(body.key.id))
  assert.equal(JSON.stringify(record?.sections.what).includes(body.sha256), true)
})

test('a body stays when its record is durable, and goes when it cannot be', async () => {
  const machine = new Machine()
  const { recorder, store } = await start(machine)
  const [kept, late] = [await seal(recorder), await seal(recorder)]
  await recorder.intent(naming(kept))
  await machine.stop(recorder)
  await assert.rejects(recorder.intent(naming(late)), { code: 'RECORDER_STOPPED' })
  await machine.clock.advance(1)
  assert.deepEqual(await store.open(), [])
  const place = `/data/bodies/${kept.sha256.slice(0, 2)}/${kept.sha256}`
  assert.equal((await machine.disk.stat(place))?.bytes, kept.bytes)
  assert.deepEqual(machine.faults, [])
})

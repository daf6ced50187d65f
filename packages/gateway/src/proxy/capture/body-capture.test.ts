import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRedaction } from '../../compose/start-redaction.ts'
import { SeededRandom, SimulatedDisk } from '../../platform/index.ts'
import { BodyStore, parseKek, Vault } from '../../vault/index.ts'
import { BodyCapture } from './body-capture.ts'
import { captureSchema } from './capture-config.ts'
import { CaptureMemory } from './capture-memory.ts'
import { Redaction } from './redaction.ts'
import { Redactor } from './redactor.ts'

const MEMORY_BYTES_MAX = 300_000
const TYPE = { type: 'text/plain', charset: undefined, coding: undefined }

interface Rig {
  readonly disk: SimulatedDisk
  readonly memory: CaptureMemory
  readonly capture: (redacts: boolean, bodyBytesMax?: number) => BodyCapture
}

async function open(): Promise<Rig> {
  const [disk, random, memory] = [new SimulatedDisk(), new SeededRandom(2), new CaptureMemory()]
  const vault = await Vault.open({
    disk,
    random,
    directory: '/data/keys',
    origin: 'o',
    kek: parseKek('3d'.repeat(32)),
    nowUs: 1e15,
  })
  const onFault = (fault: unknown): never => assert.fail(String(fault))
  const store = new BodyStore({ disk, random, origin: 'o', data: '/data', onFault })
  const redaction = new Redaction(captureSchema.parse({}).redact)
  const redactor = new Redactor(startRedaction)
  return {
    disk,
    memory,
    capture: (redacts, bodyBytesMax = 1_000_000) =>
      new BodyCapture({
        type: TYPE,
        bodyBytesMax,
        redaction: redacts ? redaction : undefined,
        redactor,
        memory,
        memoryBytesMax: MEMORY_BYTES_MAX,
        begin: () => store.begin(vault.subjectKey({ anonymous: '192.0.2.1' }, 1e15), 1),
      }),
  }
}

test('a body that is held takes its room in memory, and gives it back', async () => {
  const { memory, capture } = await open()
  const one = capture(true)
  await one.add(Buffer.alloc(200_000, 'x'))
  assert.equal(memory.bytes, 200_000)
  const other = capture(true)
  const add = async (): Promise<void> => other.add(Buffer.alloc(200_000))
  await assert.rejects(add, /captures in flight hold 200000 bytes/)
  await other.close(async () => undefined)
  assert.ok((await one.end(true)).captured)
  assert.equal(memory.bytes, 0)
})

test('streams take two chunks each, however long they are', async () => {
  const { memory, capture } = await open()
  const streams = [capture(false), capture(false)]
  for (let nth = 0; nth < 20; nth += 1) {
    for (const each of streams) await each.add(Buffer.alloc(50_000, nth))
  }
  assert.equal(memory.bytes, 262_144)
  await assert.rejects(async () => capture(false).add(Buffer.from('x')))
  for (const each of streams) await each.end(true)
  assert.equal(memory.bytes, 0)
})

for (const [name, redacts, bytes, isWhole, want] of [
  ['held, too large', true, 1001, true, { uncaptured: 'too-large' }],
  ['held, broken off', true, 10, false, { uncaptured: 'incomplete' }],
  ['held, nothing', true, 0, true, {}],
  ['a stream of nothing', false, 0, true, {}],
] as const) {
  test(`${name}: ${JSON.stringify(want)}`, async () => {
    const { memory, capture } = await open()
    const body = capture(redacts, 1000)
    await body.add(Buffer.alloc(bytes))
    assert.deepEqual(await body.end(isWhole), want)
    assert.equal(memory.bytes, 0)
  })
}

for (const [name, bytes, isWhole, truncated] of [
  ['whole', 1000, true, undefined],
  ['too long', 1001, true, true],
  ['broken off', 10, false, true],
] as const) {
  test(`a stream that is ${name} is ${truncated === true ? 'a part' : 'the whole'}`, async () => {
    const body = (await open()).capture(false, 1000)
    await body.add(Buffer.alloc(bytes))
    const { captured } = await body.end(isWhole)
    assert.equal(captured?.truncated, truncated)
    assert.equal(captured?.contentBytes, Math.min(bytes, 1000))
  })
}

for (const redacts of [true, false]) {
  const what = redacts ? 'held' : 'a stream'
  test(`a disk that is full is a fault, and leaves nothing: ${what}`, async () => {
    const { disk, memory, capture } = await open()
    const first = capture(redacts)
    await first.add(Buffer.from('the folder is made'))
    await first.end(true)
    disk.inject({ operation: 'write', nth: 1, path: 'incoming', code: 'DISK_FULL' })
    const body = capture(redacts)
    await body.add(Buffer.from('x'))
    await assert.rejects(body.end(true))
    await body.close(async () => undefined)
    assert.equal(memory.bytes, 0)
    assert.equal((await disk.list('/data/bodies/incoming')).length, 1)
  })
}

for (const ends of [true, false]) {
  test(`a piece that is on its way at the end leaves nothing, ended: ${ends}`, async () => {
    const { disk, capture } = await open()
    const body = capture(false)
    const added = body.add(Buffer.alloc(200_000))
    const ended = ends ? body.end(false) : undefined
    const forgotten: string[] = []
    const closed = body.close(async ({ sha256 }) => void forgotten.push(sha256))
    await Promise.all([added, ended, closed])
    assert.equal((await ended)?.captured?.contentBytes, ends ? 200_000 : undefined)
    const left = await disk.list('/data/bodies/incoming')
    assert.deepEqual([left.length, forgotten.length], ends ? [1, 1] : [0, 0])
  })
}

test('what no record names is forgotten', async () => {
  const { capture } = await open()
  const body = capture(false)
  await body.add(Buffer.from('x'))
  const { captured } = await body.end(true)
  const forgotten: string[] = []
  await body.close(async ({ sha256 }) => void forgotten.push(sha256))
  assert.deepEqual(forgotten, [captured?.sha256])
})

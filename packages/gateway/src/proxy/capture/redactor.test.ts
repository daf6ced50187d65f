import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRedaction } from '../../compose/start-redaction.ts'
import type { BodyType } from './body-type.ts'
import { captureSchema } from './capture-config.ts'
import { Redaction } from './redaction.ts'
import {
  REDACTED_HERE_BYTES_MAX,
  type RedactionThread,
  Redactor,
  RedactorFault,
  serveRedaction,
} from './redactor.ts'

const JSON_TYPE: BodyType = { type: 'application/json', charset: undefined, coding: undefined }
const FORM_TYPE: BodyType = { ...JSON_TYPE, type: 'application/x-www-form-urlencoded' }
const TEXT_TYPE: BodyType = { ...JSON_TYPE, type: 'text/plain' }
const rules = captureSchema.parse({
  redact: { paths: ['$..note'], patterns: [{ name: 'plate', pattern: '[A-Z]{3}-[0-9]{4}' }] },
}).redact
const redaction = new Redaction(rules)
const MIB = 1_048_576

interface Rig {
  readonly redactor: Redactor
  readonly threads: RedactionThread[]
}

function rig(start: () => RedactionThread = startRedaction): Rig {
  const threads: RedactionThread[] = []
  const redactor = new Redactor(() => {
    const thread = start()
    threads.push(thread)
    return thread
  })
  return { redactor, threads }
}

function orders(bytesMin: number): Buffer {
  const one = JSON.stringify({ note: 'é', plate: 'ABC-1234', pin: 1234, other: ['x'] })
  return Buffer.from(
    `[${Array(Math.ceil(bytesMin / one.length))
      .fill(one)
      .join(',')}]`,
  )
}

test('what a thread makes of a body is what is made of it here', async () => {
  const { redactor, threads } = rig()
  for (const [type, bytes] of [
    [JSON_TYPE, orders(100_000)],
    [JSON_TYPE, Buffer.from('['.repeat(10_000))],
    [FORM_TYPE, Buffer.from('a=b&password=x&c=ABC-1234&'.repeat(1000))],
    [TEXT_TYPE, Buffer.from('\0'.repeat(10_000))],
    [{ ...TEXT_TYPE, charset: 'utf-7' }, Buffer.alloc(10_000, 'x')],
  ] as const) {
    const here = redaction.redact(bytes, type)
    const before = Buffer.from(bytes)
    const there = await redactor.redact(bytes, type, redaction)
    assert.deepEqual(bytes, before)
    if ('bytes' in here && 'bytes' in there) {
      assert.deepEqual(Buffer.from(there.bytes), here.bytes)
      assert.deepEqual(there.redactions, here.redactions)
    } else assert.deepEqual(there, here)
  }
  assert.equal(threads.length, 1)
  await redactor.close()
})

test('a short body needs no thread', async () => {
  const { redactor, threads } = rig()
  const bytes = Buffer.alloc(REDACTED_HERE_BYTES_MAX, 'x')
  assert.ok('bytes' in (await redactor.redact(bytes, TEXT_TYPE, redaction)))
  assert.equal(threads.length, 0)
  await redactor.close()
})

test('others are served while a body is redacted', async () => {
  const { redactor } = rig()
  let turns = 0
  let isDone = false
  const turn = (): void => {
    turns += 1
    if (!isDone) setImmediate(turn)
  }
  const done = Promise.resolve(redactor.redact(orders(4 * MIB), JSON_TYPE, redaction))
  turn()
  await done.finally(() => {
    isDone = true
  })
  assert.ok(turns > 10, `${turns} turns of the loop`)
  await redactor.close()
})

test('what a thread takes along is not kept, and the next bodies have another thread', async () => {
  const { redactor, threads } = rig()
  const [first, ...others] = [MIB, MIB, 10_000].map(async (bytes) =>
    redactor.redact(orders(bytes), JSON_TYPE, redaction),
  )
  const refused = assert.rejects(first ?? Promise.resolve(), {
    message: /redaction thread is gone: exit code/,
  })
  await threads[0]?.terminate()
  await refused
  for (const other of await Promise.all(others)) assert.ok('bytes' in other)
  assert.equal(threads.length, 2)
  await redactor.close()
})

test('a body that needs more memory than a thread may have ends that thread alone', async () => {
  const { redactor } = rig(() => startRedaction(16))
  const wide = Buffer.from(`[${Array(MIB).fill('{}').join(',')}]`)
  const given = Promise.resolve(redactor.redact(wide, JSON_TYPE, redaction))
  const behind = Promise.resolve(redactor.redact(orders(10_000), JSON_TYPE, redaction))
  await assert.rejects(given, RedactorFault)
  assert.ok('bytes' in (await behind))
  await redactor.close()
})

test('a fault over there names its kind, and quotes nothing', () => {
  const answers: unknown[] = []
  let ask: (message: unknown) => void = () => assert.fail('nobody listens')
  serveRedaction({
    postMessage: (answer) => answers.push(answer),
    on: (_, listener) => {
      ask = listener
    },
  })
  const broken = { ...rules, patterns: [{ name: 'x', pattern: '(secret' }] }
  ask({ bytes: Buffer.from('secret'), type: TEXT_TYPE, rules: broken })
  assert.deepEqual(answers, [{ failure: 'cannot be redacted (Error)' }])
})

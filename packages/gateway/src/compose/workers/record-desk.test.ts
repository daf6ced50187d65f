import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled } from '../../platform/index.ts'
import { Machine } from '../../recorder/testing.ts'
import type { Answer } from './messages.ts'
import { RecordDesk } from './record-desk.ts'
import type { RecordAsking } from './record-rows.ts'

const EXCHANGE = '019f5a3c-0000-7000-8000-0000000000aa'
const PARTY = [undefined, '192.0.2.7'] as const
const WHERE = '{"address":"192.0.2.7","port":5}'
const WHAT = '{"method":"GET","scheme":"http","authority":"a","path":"/"}'
const WHY = '{"verdict":"allow","reason":"policy-permits"}'
const WHO = '{"principal":{"id":"ada","kind":"user","issuer":"keys"}}'
const WHOLE = [WHO, undefined, WHERE, WHAT, WHY] as const

function intent(texts: unknown): unknown {
  return ['intent', 0, EXCHANGE, PARTY, undefined, undefined, texts, false, undefined]
}

async function deskOf(machine: Machine) {
  const recorder = await machine.start()
  const answers: Answer[] = []
  const desk = new RecordDesk({
    recorder,
    clock: machine.clock,
    epoch: 1,
    worker: 1,
    bodies: { named: () => undefined },
    answer: (row) => answers.push(row),
  })
  return { recorder, desk, answers }
}

for (const [name, row] of [
  ['an intent without any section', intent([])],
  ['an intent without its reasons', intent(WHOLE.slice(0, 4))],
  ['an intent whose section is no text', intent([WHO, undefined, WHERE, 5, WHY])],
  ['an intent whose sections are none', intent(null)],
  ['an outcome of what no slot is', ['outcome', 0, [undefined, 'at'], undefined, '{}', undefined]],
  ['an outcome of no slot', ['outcome', 0, [0, 'length'], undefined, '{}', undefined]],
  ['an outcome of no intent', ['outcome', 0, null, undefined, '{}', undefined]],
  ['an outcome without its end', ['outcome', 0, [0, 0], undefined, undefined, undefined]],
  ['progress of what no slot is', ['progress', 0, [undefined, 'at'], '{}']],
  ['a count by an act that is none', ['count', 0, 0, 'constructor', 1, '']],
  ['a count that is none', ['count', 0, 0, 'close', Number.NaN, '']],
] as const) {
  test(`${name} is no record, and ends the worker`, async () => {
    const machine = new Machine()
    const { recorder, desk, answers } = await deskOf(machine)
    const size = machine.keeper?.size
    assert.throws(() => desk.take(row as RecordAsking))
    await settled()
    assert.deepEqual([machine.keeper?.size, answers], [size, []])
    await machine.stop(recorder)
  })
}

test('what makes sense is recorded, and ends with its worker', async () => {
  const machine = new Machine()
  const { recorder, desk, answers } = await deskOf(machine)
  desk.take(intent(WHOLE) as RecordAsking)
  await settled()
  assert.deepEqual([answers.length, answers[0]?.[0]], [1, 'recorded'])
  assert.equal(await desk.endAll('SIGKILL', () => false), 1)
  await machine.stop(recorder)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../platform/index.ts'
import { RowSender, rowReader } from './channel.ts'
import { FrameWriter } from './frame-writer.ts'
import type { FromGateway, FromWorker } from './messages.ts'
import { readFromGateway, readFromWorker, writeFromGateway, writeFromWorker } from './wire.ts'

/** What a pipe was given, message by message, as it is when it is read at the very end. */
function opened({ takesAtOnce }: { readonly takesAtOnce: boolean }) {
  const given: Uint8Array[] = []
  const pipe = {
    send: (bytes: Uint8Array): boolean => {
      given.push(takesAtOnce ? Buffer.from(bytes) : bytes)
      return takesAtOnce
    },
  }
  const parts = { pipe, clock: new SimulatedClock(), writer: new FrameWriter('utf8') }
  const sender = new RowSender<FromWorker>({ ...parts, write: writeFromWorker })
  const messages = (): readonly (readonly FromWorker[])[] => {
    return given.map((bytes) => {
      const rows: FromWorker[] = []
      rowReader(readFromWorker, (row) => rows.push(row)).push(bytes)
      return rows
    })
  }
  return { sender, messages }
}

for (const takesAtOnce of [true, false]) {
  const name = takesAtOnce ? 'takes' : 'leaves for later'
  test(`rows of a turn are one message, which the machine ${name}`, () => {
    const { sender, messages } = opened({ takesAtOnce })
    sender.send(['release', 1])
    sender.send(['release', 2])
    assert.equal(messages().length, 0)
    sender.flush()
    sender.send(['release', 3])
    sender.flush()
    sender.flush()
    assert.deepEqual(messages(), [
      [
        ['release', 1],
        ['release', 2],
      ],
      [['release', 3]],
    ])
  })
}

test('what crosses as a value keeps its place among the others', () => {
  const { sender, messages } = opened({ takesAtOnce: false })
  const own: FromWorker = ['own', 7, 'http://h/', 'GET', [['a', 'é']], undefined]
  sender.send(['release', 1])
  sender.send(own)
  sender.send(['release', 2])
  sender.send(['stopped'])
  assert.deepEqual(messages().flat(), [['release', 1], own, ['release', 2], ['stopped']])
})

test('a turn that says very much says it in several messages', () => {
  const { sender, messages } = opened({ takesAtOnce: false })
  const row: FromWorker = ['progress', 1, [1, 1], 'x'.repeat(50_000)]
  for (let more = 0; more < 20; more += 1) sender.send(row)
  sender.flush()
  assert.ok(messages().length > 2)
  assert.equal(messages().flat().length, 20)
})

test('the bytes of a value stay as they are when more is read', () => {
  const body = Uint8Array.from({ length: 300 }, (_, at) => at % 256)
  const sent: FromGateway[] = [
    ['owned', 1, 200, [['a', 'b']], body],
    ['owned', 2, 204, [], new Uint8Array()],
  ]
  const heard: FromGateway[] = []
  const reader = rowReader<FromGateway>(readFromGateway, (row) => heard.push(row))
  const pipe = { send: (bytes: Uint8Array): boolean => reader.push(bytes) === undefined }
  const parts = { pipe, clock: new SimulatedClock(), writer: new FrameWriter('latin1') }
  const sender = new RowSender<FromGateway>({ ...parts, write: writeFromGateway })
  for (const row of sent) sender.send(row)
  assert.deepEqual(heard, sent)
})

// Connections of HTTP/2 against the running proxy: those that flood it, those that stand still, and
// those that end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { block, END_HEADERS, END_STREAM, type Field, FrameClient, frame } from './http2-frames.ts'
import { eventually, head, intentCount, refusals, upstream, withGateway } from './http2-rig.ts'

const WHOLE = END_HEADERS | END_STREAM
const [PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR] = [1, 2, 3]
const [REFUSED_STREAM, CANCEL, CALM] = [7, 8, 11]

describe('floods of HTTP/2', () => {
  const wait = { ':path': '/hang' }

  test('H120: rapid reset: the connection ends, little reaches the upstream', async () => {
    await withGateway({ limits: { h2ResetsMax: 50, h2ResetsPerSecondMax: 1 } }, async (gateway) => {
      const client = new FrameClient(gateway.port)
      const cancel = Buffer.from([0, 0, 0, CANCEL])
      const before = (await upstream.received()).count
      for (let id = 1; id < 100_000 && !client.isClosed; id += 2) {
        client.send(
          frame('headers', WHOLE, id, block(head(gateway, wait))),
          frame('reset', 0, id, cancel),
        )
        if (id % 50 === 1) await sleep(1)
      }
      await client.closed()
      assert.equal((await refusals(gateway)).includes('connection-flooded'), true)
      assert.equal((await upstream.received()).count - before < 200, true)
    })
  })

  test('H122: resets that the server is made to send end the connection as well', async () => {
    await withGateway({ limits: { h2ResetsMax: 20, h2ResetsPerSecondMax: 1 } }, async (gateway) => {
      const client = new FrameClient(gateway.port)
      for (let id = 1; id < 2000 && !client.isClosed; id += 2) {
        const fields = [...head(gateway, { ':method': 'POST', ...wait }), ['content-length', '2']]
        client.send(
          frame('headers', END_HEADERS, id, block(fields as Field[])),
          frame('data', END_STREAM, id, Buffer.from('a')),
        )
        if (id % 10 === 1) await sleep(1)
      }
      await client.closed()
      assert.equal((await refusals(gateway)).includes('connection-flooded'), true)
    })
  })

  for (const [name, flood, code, reason] of [
    ['H121: CONTINUATION without an end', 'continuation', 2, 'connection-flooded'],
    ['H123: SETTINGS', 'settings', 2, 'connection-flooded'],
    ['H123: PING', 'ping', 2, 'connection-flooded'],
    ['H123: empty DATA', 'data', 2, 'connection-flooded'],
    // The engine does not say which of its rules it was.
    ['H123: PRIORITY', 'priority', CALM, 'malformed-request'],
    ['WINDOW_UPDATE', 'windowUpdate', CALM, 'connection-flooded'],
  ] as const) {
    test(`${name}: the connection ends, ${reason}`, async () => {
      const limits = { h2ControlBytesMax: 4096, h2SessionWindowBytes: 65_536 }
      await withGateway({ limits }, async (gateway) => {
        const client = new FrameClient(gateway.port)
        if (flood === 'continuation') client.send(frame('headers', 0, 1, block(head(gateway))))
        if (flood === 'data') {
          client.send(frame('headers', END_HEADERS, 1, block(head(gateway, wait))))
        }
        const empty = { settings: 0, data: 0, continuation: 0 }
        const payloads = { ...empty, ping: 8, priority: 5, windowUpdate: 4 }
        const on = flood === 'data' || flood === 'priority' || flood === 'continuation' ? 1 : 0
        const one = frame(flood, 0, on, Buffer.alloc(payloads[flood]).fill(7, 3))
        const many = Buffer.concat(Array.from({ length: 2000 }, () => one))
        for (let sent = 0; sent < 10 && !client.isClosed; sent += 1) client.send(many)
        const goaway = await client.next('goaway')
        assert.equal(goaway?.payload.readUInt32BE(4), code)
        await client.closed()
        const reasons = await eventually(async () => {
          const all = await refusals(gateway)
          return all.length > 0 ? all : undefined
        })
        assert.deepEqual(reasons, [reason])
      })
    })
  }

  for (const [name, stream, increment, code] of [
    ['of nothing', 1, 0, PROTOCOL_ERROR],
    ['of nothing, for the connection', 0, 0, PROTOCOL_ERROR],
    ['beyond the largest', 1, 0x7fff_ffff, FLOW_CONTROL_ERROR],
    ['beyond the largest, for the connection', 0, 0x7fff_ffff, FLOW_CONTROL_ERROR],
  ] as const) {
    test(`H125: WINDOW_UPDATE ${name}: goaway ${code}`, async () => {
      await withGateway({}, async (gateway) => {
        const client = new FrameClient(gateway.port)
        client.send(frame('headers', WHOLE, 1, block(head(gateway, wait))))
        const bytes = Buffer.alloc(4)
        bytes.writeUInt32BE(increment)
        client.send(frame('windowUpdate', 0, stream, bytes))
        assert.equal((await client.next('goaway'))?.payload.readUInt32BE(4), code)
        await client.closed()
      })
    })
  }

  test('H124: bytes that are no compressed head end the connection', async () => {
    await withGateway({}, async (gateway) => {
      const client = new FrameClient(gateway.port)
      client.send(frame('headers', WHOLE, 1, Buffer.alloc(6, 0xff)))
      assert.equal(await client.fate(1), 'goaway 9')
      await client.closed()
      assert.deepEqual(await refusals(gateway), ['malformed-request'])
    })
  })

  test('H126: a client that opens no window is let go', async () => {
    await withGateway({ limits: { releaseIdleMs: 300 } }, async (gateway) => {
      const settings = Buffer.from([0, 4, 0, 0, 0, 0])
      const preface = Buffer.concat([
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        frame('settings', 0, 0, settings),
      ])
      const client = new FrameClient(gateway.port, { preface })
      const fields = block(head(gateway, { ':path': '/bytes/1000000' }))
      client.send(frame('headers', WHOLE, 1, fields))
      assert.equal((await client.next('reset', 1))?.payload.readUInt32BE(0), INTERNAL_ERROR)
      client.end()
      const outcome = await eventually(async () => {
        return (await gateway.exchanges()).find(({ kind }) => kind === 'outcome')
      })
      assert.equal(outcome.how.ended, 'client-aborted')
    })
  })

  test('H135: of ten thousand streams a hundred are taken, the others are refused', async () => {
    await withGateway({}, async (gateway) => {
      const client = new FrameClient(gateway.port)
      for (let id = 1; id < 20_000 && !client.isClosed; id += 2) {
        client.send(frame('headers', WHOLE, id, block(head(gateway, wait))))
      }
      assert.equal(await client.fate(201), `reset ${REFUSED_STREAM}`)
      await client.closed()
      assert.equal((await intentCount(gateway)) <= 100, true)
    })
  })

  test('a connection that never asks, or no longer asks, ends', async () => {
    await withGateway({ limits: { headMs: 200, keepAliveMs: 200 } }, async (gateway) => {
      const [silent, done] = [new FrameClient(gateway.port), new FrameClient(gateway.port)]
      done.send(frame('headers', WHOLE, 1, block(head(gateway))))
      await done.fate(1)
      await Promise.all([silent.closed(), done.closed()])
    })
  })
})

for (const [name, sent, isEnded, want] of [
  ['H112: half a preface, and the end', 'PRI * HT', true, ['malformed-request']],
  ['H112: a first letter that could be either, and the end', 'P', true, ['malformed-request']],
  ['H107: a first letter, and nothing more', 'P', false, ['request-timeout']],
  ['nothing at all', '', false, []],
] as const) {
  test(`${name}: closed, and on record is ${want[0] ?? 'nothing'}`, async () => {
    await withGateway({ limits: { headMs: 300, keepAliveMs: 300 } }, async (gateway) => {
      const socket = connect(gateway.port, '127.0.0.1')
      if (isEnded) socket.end(sent)
      else socket.write(sent)
      socket.resume()
      await once(socket, 'close')
      await eventually(async () => {
        return (await refusals(gateway)).length === want.length ? true : undefined
      })
      assert.deepEqual(await refusals(gateway), want)
    })
  })
}

test('an old connection takes no more requests, and ends with those that go on', async () => {
  await withGateway({ limits: { h2SessionMs: 1000 } }, async (gateway) => {
    const client = new FrameClient(gateway.port)
    client.send(frame('headers', WHOLE, 1, block(head(gateway, { ':path': '/chunks/30/10/100' }))))
    const goaway = await client.next('goaway')
    assert.equal(goaway?.payload.readUInt32BE(4), 0)
    await client.closed()
    const data = client.frames.filter(({ type }) => type === 0)
    assert.equal(Buffer.concat(data.map(({ payload }) => payload)).length, 300)
  })
})

describe('HTTP/2 when the gateway stops', () => {
  test('GOAWAY, and what is going on ends as it should', async () => {
    await withGateway({}, async (gateway) => {
      const client = new FrameClient(gateway.port)
      client.send(frame('headers', WHOLE, 1, block(head(gateway, { ':path': '/chunks/5/10/100' }))))
      await client.next('headers', 1)
      const closing = gateway.close()
      const goaway = await client.next('goaway')
      assert.equal(goaway?.payload.readUInt32BE(4), 0)
      await client.closed()
      await closing
      const data = client.frames.filter(({ type }) => type === 0)
      assert.equal(Buffer.concat(data.map(({ payload }) => payload)).length, 50)
    })
  })
})

// Clients that leave at the worst moment: the gateway goes on.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.url })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

for (const [name, bytes] of [
  ['CONNECT', 'CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['noise', 'NOISE\r\n\r\n'],
  ['a request without a credential', 'GET /echo HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'],
] as const) {
  test(`H110 ${name}, and a reset before the answer: recorded, and that is all`, async () => {
    const before = (await gateway.exchanges()).length
    // The record is held up, so that the answer meets a connection that is gone.
    gateway.gate.close()
    for (let nth = 0; nth < 5; nth += 1) {
      const socket = connect(gateway.port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write(bytes)
      await sleep(20)
      socket.resetAndDestroy()
    }
    await sleep(50)
    gateway.gate.open()
    await sleep(300)
    const kinds = (await gateway.exchanges()).slice(before).map(({ kind }) => kind)
    assert.deepEqual(kinds, Array(5).fill('refusal'))
  })
}

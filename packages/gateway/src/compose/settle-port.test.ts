import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { systemRandom } from '../platform/index.ts'
import { settlePort } from './settle-port.ts'

const HOST = '127.0.0.1'

test('any port is none that a connection goes out from', async () => {
  for (let time = 0; time < 20; time += 1) {
    const wanted = { host: HOST, port: 0, option: '--port', random: systemRandom() }
    const port = await settlePort(wanted)
    assert.ok(port >= 10_240 && port < 32_000, `${port}`)
  }
})

test('a port that is taken is said, and any port is another one', async (t) => {
  const taken = createServer().listen(0, HOST)
  await once(taken, 'listening')
  t.after(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const wanted = { host: HOST, port, option: '--port', random: systemRandom() }
  await assert.rejects(settlePort(wanted), new RegExp(`port ${port} is in use: take another`))
  // The first that is drawn is taken: the second is not.
  const low = createServer().listen(10_240, HOST)
  await once(low, 'listening').catch(() => undefined)
  t.after(() => low.close())
  let draws = 0
  const random = { bytes: () => Uint8Array.of(0, draws++) }
  const next = await settlePort({ ...wanted, port: 0, random })
  assert.ok(next > 10_240 && next < 10_240 + draws)
})

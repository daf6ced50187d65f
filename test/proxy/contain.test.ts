// Quarantine where exchanges are: before anything is asked, while a body comes, while nobody reads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../../packages/gateway/src/containment/index.ts'
import { waitFor } from '../demo-process.ts'
import { timely } from '../timely.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const A_SECOND_MS = 1000
const ADA: Target = { kind: 'principal', id: 'ada' }
const HERE: Target = { kind: 'address', prefix: '127.0.0.1/32' }

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

async function withGateway(run: (gateway: TestGateway) => Promise<void>): Promise<void> {
  const gateway = await startGateway({ upstream: upstream.url })
  try {
    await run(gateway)
  } finally {
    await gateway.close()
  }
}

async function contain({ containment }: TestGateway, target: Target): Promise<string> {
  const by = { issuer: 'keys', id: 'olga' }
  const { measure } = await containment.contain({ target, reason: 'a test', by, forMs: 60_000 })
  return measure.id
}

async function outcome(gateway: TestGateway): Promise<RecordView> {
  const outcomes = async () => (await gateway.exchanges()).filter((each) => each.kind === 'outcome')
  await waitFor(async () => (await outcomes()).length > 0)
  const [found] = await outcomes()
  return found ?? assert.fail('no outcome is recorded')
}

for (const [name, target, authorization] of [
  ['who asks', ADA, 'ada'],
  ['the address, whoever asks', HERE, 'ben'],
  ['the address, whatever is shown', HERE, 'nothing that is known'],
] as const) {
  test(`a request is refused for ${name}, and learns no more than that`, () =>
    withGateway(async (gateway) => {
      const id = await contain(gateway, target)
      const token = authorization === 'ada' || authorization === 'ben' ? authorization : undefined
      const headers = { authorization: `Bearer ${token ? gateway.keys[token] : authorization}` }
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/echo`, { headers })
      const text = await answer.text()
      assert.equal(answer.status, 403)
      assert.match(text, /"reason":"quarantined"/)
      assert.doesNotMatch(text, /a test|olga|principal|address|c-[0-9a-f]{16}/)
      const [refusal, more] = await gateway.exchanges()
      assert.equal(more, undefined)
      assert.equal(refusal?.kind, 'refusal')
      assert.deepEqual(refusal?.why.facts, { containment: id })
      assert.equal(refusal?.who === undefined, target === HERE)
    }))
}

test('an upload is cut while it comes, and its outcome says why', () =>
  timely(A_SECOND_MS, async () => {
    let tookMs = 0
    await withGateway(async (gateway) => {
      const before = (await upstream.received()).bytes
      const socket = connect(gateway.port, '127.0.0.1')
      const { ada } = gateway.keys
      const head = `POST /echo HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${ada}\r\n`
      socket.write(`${head}content-length: 100000\r\n\r\nthe first of it`)
      await waitFor(async () => (await upstream.received()).bytes > before)
      const cutMs = performance.now()
      await contain(gateway, ADA)
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      tookMs = performance.now() - cutMs
      assert.equal(readAnswer(String(chunk)).status, 403)
      const { how } = await outcome(gateway)
      assert.equal(how.error, 'quarantined')
      socket.destroy()
    })
    return tookMs
  }))

test('a stream that nobody reads is cut all the same', () =>
  timely(A_SECOND_MS, async () => {
    let tookMs = 0
    await withGateway(async (gateway) => {
      const socket = connect(gateway.port, '127.0.0.1')
      socket.pause()
      const request = `GET /chunks/5000/200000/1 HTTP/1.1\r\nhost: a\r\nauthorization: Bearer `
      socket.write(`${request}${gateway.keys.ada}\r\n\r\n`)
      await waitFor(async () => (await gateway.exchanges()).length > 0)
      await sleep(1000)
      const cutMs = performance.now()
      await contain(gateway, ADA)
      const { how } = await outcome(gateway)
      tookMs = performance.now() - cutMs
      assert.deepEqual([how.error, how.ended], ['quarantined', 'upstream-aborted'])
      socket.destroy()
    })
    return tookMs
  }))

test('what changes nothing passes a gateway that is read-only', () =>
  withGateway(async (gateway) => {
    await contain(gateway, { kind: 'gateway' })
    const ask = (method: string): Promise<string> => {
      const { ada } = gateway.keys
      const head = `${method} /echo HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${ada}\r\n`
      return sendRaw(gateway.port, `${head}content-length: 0\r\nconnection: close\r\n\r\n`)
    }
    const status = async (method: string): Promise<number> => readAnswer(await ask(method)).status
    assert.deepEqual([await status('GET'), await status('OPTIONS')], [200, 200])
    assert.deepEqual([await status('POST'), await status('PUT')], [503, 503])
  }))

// Bodies that routes keep, over HTTP/2 and from clients that wait to be asked for them.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { after, before, test } from 'node:test'
import { type CaptureGateway, captureGateway, records, verified } from '../capture-gateway.ts'
import type { GatewayLife } from '../faults/scratch-gateway.ts'

const LONG = 'x'.repeat(40_000)

let gateway: CaptureGateway
let life: GatewayLife
before(async () => {
  gateway = await captureGateway({
    raw: "types: ['*/*'], redact: { credentials: false }",
    all: 'bodyBytesMax: 50000',
  })
  life = await gateway.start()
})
after(() => gateway.close())

async function post(
  session: ClientHttp2Session,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const stream = session.request({
    ':path': path,
    ':method': 'POST',
    authorization: `Bearer ${gateway.token}`,
    'content-type': 'text/plain',
    ...headers,
  })
  let status = 0
  stream.on('response', (head) => {
    status = Number(head[':status'])
  })
  stream.end(body)
  for await (const chunk of stream) assert.ok(chunk !== undefined)
  return status
}

/** How often the client was asked for its body, and what came of it. */
function postWhenAsked(path: string): Promise<{ readonly asked: number; readonly status: number }> {
  return new Promise((resolve, reject) => {
    let asked = 0
    const headers = {
      authorization: `Bearer ${gateway.token}`,
      'content-type': 'text/plain',
      'content-length': 4,
      expect: '100-continue',
    }
    const sent = request(`${life.url}${path}`, { method: 'POST', headers }, (response) => {
      response.resume().on('end', () => resolve({ asked, status: response.statusCode ?? 0 }))
    })
    sent.on('error', reject)
    sent.on('continue', () => {
      asked += 1
      sent.end('body')
    })
    sent.flushHeaders()
  })
}

test('bodies are kept whatever they come by', { timeout: 60_000 }, async () => {
  const session = connect(life.url)
  assert.equal(await post(session, '/raw', 'known', { 'content-length': '5' }), 200)
  assert.equal(await post(session, '/raw', 'not known'), 200)
  assert.equal(await post(session, '/all', LONG, { 'content-length': `${LONG.length}` }), 200)
  assert.equal(await post(session, '/all', 'none', { authorization: 'Bearer none' }), 401)
  session.close()
  assert.deepEqual(await postWhenAsked('/all'), { asked: 1, status: 200 })
  assert.equal(await life.stop('SIGTERM'), 0)
  const kept = (await records(gateway.data)).flatMap(({ kind, what, how }) => {
    const bodies = [what.body, how.request, how.response]
    const bytes = bodies.map((body) => body?.captured?.contentBytes)
    return bytes.some((each) => each !== undefined) ? [[kind, ...bytes]] : []
  })
  assert.deepEqual(kept, [
    ['intent', 5, undefined, undefined],
    ['outcome', undefined, undefined, 5],
    ['outcome', undefined, 9, 9],
    ['intent', 40_000, undefined, undefined],
    ['outcome', undefined, undefined, 40_000],
    ['refusal', 4, undefined, undefined],
    ['intent', 4, undefined, undefined],
    ['outcome', undefined, undefined, 4],
  ])
  const { exit, bad, notChecked } = await verified(gateway.data)
  assert.deepEqual([exit, bad, notChecked], [0, [], []])
})

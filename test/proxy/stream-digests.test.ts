// Streams that end anywhere: whatever the upstream sends, in whatever pieces, and wherever it or
// the client breaks off, the record has the digests of what came and of what was let go.
import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BodyFacts } from '@countersign/evidence'
import { waitFor } from '../demo-process.ts'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'

/** More than is held back whole, and no two parts of it alike. */
const BODY = Buffer.alloc(1_500_000)
for (let at = 0; at < BODY.length; at += 4) BODY.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

const GOES = 60
const AT_ONCE = 6
const PIECE_BYTES_MAX = 70_000

/** As a path: how the body is framed, how much of it is sent, and how much of it is read. */
interface Go {
  readonly framing: 'length' | 'chunked' | 'events'
  readonly sent: number
  readonly read: number
}

const upstream = createServer((request, response) => void answer(request.url ?? '', response))
let gateway: TestGateway

before(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  gateway = await startGateway({ upstream: `http://127.0.0.1:${port}` })
})
after(async () => {
  await gateway.close()
  upstream.closeAllConnections()
  upstream.close()
})

async function answer(url: string, response: ServerResponse): Promise<void> {
  const [, framing, sent] = url.split('/')
  response.on('error', () => undefined)
  if (framing === 'length') response.setHeader('content-length', BODY.length)
  if (framing === 'events') response.setHeader('content-type', 'text/event-stream')
  for (let at = 0; at < Number(sent) && !response.destroyed; ) {
    const end = Math.min(Number(sent), at + randomInt(1, PIECE_BYTES_MAX))
    response.write(BODY.subarray(at, end))
    at = end
    if (randomInt(4) === 0) await sleep(1)
  }
  if (Number(sent) === BODY.length) response.end()
  else response.destroy()
}

async function go({ framing, sent, read }: Go): Promise<void> {
  const socket = connect(gateway.port, '127.0.0.1')
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  const closed = once(socket, 'close')
  let bytes = 0
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (bytes > read) socket.destroy()
  })
  socket.write(`GET /${framing}/${sent}/${read} HTTP/1.1\r\nHost: x\r\n${key}\r\n`)
  socket.write('Connection: close\r\n\r\n')
  await closed
}

function anyGo(nth: number): Go {
  const framing = (['length', 'chunked', 'events'] as const)[nth % 3] ?? 'length'
  const sent = randomInt(3) === 0 ? BODY.length : randomInt(1, BODY.length)
  const read = randomInt(2) === 0 ? Number.MAX_SAFE_INTEGER : randomInt(BODY.length)
  return { framing, sent, read }
}

const digests = new Map<number, string>()

function assertPrefix(facts: BodyFacts | undefined, of: string): number {
  assert.ok(facts !== undefined, of)
  const { bytes, sha256 } = facts
  const known = digests.get(bytes)
  const want = known ?? createHash('sha256').update(BODY.subarray(0, bytes)).digest('hex')
  digests.set(bytes, want)
  assert.equal(sha256, want, `${of}: ${bytes} bytes`)
  return bytes
}

test('what is on record of a stream is what came of it, and what was let go', async (t) => {
  let nth = 0
  const caller = async (): Promise<void> => {
    while (nth < GOES) await go(anyGo(nth++))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller))
  let outcomes: readonly RecordView[] = []
  await waitFor(async () => {
    outcomes = (await gateway.exchanges()).filter(({ kind }) => kind === 'outcome')
    return outcomes.length === GOES
  })
  const ends = new Map<string, number>()
  let [whole, behind] = [0, 0]
  for (const { how, via, when } of outcomes) {
    ends.set(how.ended, (ends.get(how.ended) ?? 0) + 1)
    // Broken off before anything of it was let go: the answer was ours.
    if (how.source !== 'upstream' || via.response === undefined) continue
    const came = assertPrefix(via.response, `${when.exchange}, received`)
    const went = assertPrefix(how.response, `${when.exchange}, released`)
    assert.ok(went <= came)
    if (went < came) behind += 1
    if (how.ended === 'released') {
      whole += 1
      assert.deepEqual([went, came], [BODY.length, BODY.length])
    }
  }
  t.diagnostic(
    `${JSON.stringify(Object.fromEntries(ends))}; ${whole} whole, ${behind} cut in between`,
  )
  assert.ok(whole > 0 && behind > 0, 'both were seen')
})

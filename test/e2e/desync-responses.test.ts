// Whatever an upstream answers on a connection that is kept: no client ever gets a byte of what
// was said to another. SEED=… RESPONSES=… replays.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'
import { readAnswer } from '../proxy/raw-client.ts'
import { madeResponse, type NastyUpstream, startNastyUpstream, tagOf } from './desync/responses.ts'

const SEED = Number(process.env.SEED ?? 20_261_121)
const RESPONSES = Number(process.env.RESPONSES ?? 2500)
const CLIENTS = 8
const AHEAD = 4

let upstream: NastyUpstream
let gateway: TestGateway

before(async () => {
  upstream = await startNastyUpstream(SEED)
  gateway = await startGateway({
    upstream: upstream.url,
    limits: { responseHeadMs: 80, responseIdleMs: 80 },
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

/** Asks for each on one connection, `AHEAD` of the answers: what came back, in pieces of one. */
async function askAll(numbers: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = connect(gateway.port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if ((text.match(/^x-request-id: /gim)?.length ?? 0) >= numbers.length) socket.end()
  })
  socket.on('error', () => undefined).on('close', () => resolve())
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  const requests = numbers.map((nth) => `GET /r/${nth} HTTP/1.1\r\nHost: x\r\n${key}\r\n\r\n`)
  socket.write(requests.join(''))
  await promise
  return new Map(
    inPieces(text).flatMap((piece, at) => {
      const nth = numbers[at]
      return nth === undefined ? [] : [[nth, piece] as const]
    }),
  )
}

/** One answer after the other, as their framing says. */
function inPieces(text: string): readonly string[] {
  const pieces: string[] = []
  let left = text
  while (left.includes('\r\n\r\n')) {
    const { status, rest } = readAnswer(left)
    const isBodyless = status === 204 || status === 304
    const next = isBodyless ? left.slice(left.indexOf('\r\n\r\n') + 4) : rest
    pieces.push(left.slice(0, left.length - next.length))
    left = next
  }
  return left === '' ? pieces : [...pieces, left]
}

test(`${RESPONSES} responses: no client gets what was said to another`, {
  timeout: 300_000,
}, async (t) => {
  const statuses = new Map<string, number>()
  let next = 0
  const client = async (): Promise<void> => {
    while (next < RESPONSES) {
      const numbers = Array.from({ length: AHEAD }, (_, at) => next + at)
      next += AHEAD
      for (const [nth, piece] of await askAll(numbers)) {
        const status = piece.slice(9, 12)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        const tags = new Set(piece.match(/<\d+>/g))
        tags.delete(tagOf(nth))
        const made = JSON.stringify(madeResponse(SEED, nth).bytes)
        assert.deepEqual([...tags], [], `SEED=${SEED}, response ${nth}: ${made} became ${piece}`)
        if (status === '502') continue
        assert.match(piece, /^HTTP\/1\.1 \d{3} [^\r\n]*\r\n(?:[!-9;-~]+: ?[^\r\n\0]*\r\n)+\r\n/)
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(Object.fromEntries(statuses))}`)
  const twice = [...upstream.asked].filter(([, times]) => times > 1)
  t.diagnostic(
    `${upstream.asked.size} reached the upstream, ${twice.length} of them more than once`,
  )
  const records = await gateway.exchanges()
  const count = (kind: string): number => records.filter((each) => each.kind === kind).length
  assert.equal(count('intent'), count('outcome'), 'every intent has its outcome')
  assert.equal(count('refusal'), 0)
  assert.ok((statuses.get('200') ?? 0) > RESPONSES / 4, 'much of it is valid')
})

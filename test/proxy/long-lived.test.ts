// What stays open for long: each event leaves when it comes, records say how far it has come, and
// it ends with what it was let in by.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Authenticator } from '../../packages/gateway/src/identity/index.ts'
import { waitFor } from '../demo-process.ts'
import { timely } from '../timely.ts'
import { type GatewayOptions, type RecordView, startGateway, type TestGateway } from './gateway.ts'

const ROUTES = [{ name: 'events', path: '/', upstream: 'upstream' }]
const ADA = { id: 'ada', groups: [], roles: [], scopes: [], claims: {} }
const EMPTY_SHA256 = createHash('sha256').digest('hex')

let server: Server
let stream: ServerResponse | undefined

before(async () => {
  server = createServer((request, response) => {
    request.resume()
    if (request.url === '/later') {
      stream = response
      return
    }
    const type = request.url === '/events' ? 'text/event-stream' : 'application/octet-stream'
    response.writeHead(200, { 'content-type': type })
    response.flushHeaders()
    if (request.url === '/bytes') response.write(Buffer.alloc(600_000, 'a'))
    stream = response
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => {
  server.closeAllConnections()
  server.close()
})

async function withGateway(
  options: Partial<GatewayOptions>,
  run: (gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const { port } = server.address() as AddressInfo
  const upstream = `http://127.0.0.1:${port}`
  const gateway = await startGateway({ upstream, routes: ROUTES, ...options })
  try {
    await run(gateway)
  } finally {
    await gateway.close()
  }
}

async function open(
  gateway: TestGateway,
  path = '/events',
  authorization = `Bearer ${gateway.keys.ada}`,
) {
  const headers = { authorization }
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const next = async (): Promise<string> => {
    const { value } = await reader.read()
    return value === undefined ? 'end' : Buffer.from(value).toString()
  }
  return { response, next, cancel: () => reader.cancel() }
}

async function found(
  gateway: TestGateway,
  kind: string,
  count = 1,
): Promise<readonly RecordView[]> {
  let records: readonly RecordView[] = []
  await waitFor(
    async () => {
      records = (await gateway.records()).filter((each) => each.kind === kind)
      return records.length >= count
    },
    undefined,
    () => `${records.length} of ${count} ${kind}`,
  )
  return records
}

async function reached(): Promise<ServerResponse> {
  while (stream === undefined) await sleep(5)
  return stream
}

describe('a stream of events', () => {
  test('its head leaves before any event, and each event when it comes', async () => {
    await withGateway({}, async (gateway) => {
      const events = await open(gateway)
      assert.equal(events.response.status, 200)
      assert.match(events.response.headers.get('countersign-receipt') ?? '', /epoch=1/)
      for (const text of ['data: 1\n\n', ': still here\n\n', 'data: 2\n\n']) {
        stream?.write(text)
        assert.equal(await events.next(), text)
      }
      stream?.end('data: 3\n\n')
      assert.equal(await events.next(), 'data: 3\n\n')
      assert.equal(await events.next(), 'end')
      const [outcome] = await found(gateway, 'outcome')
      assert.deepEqual([outcome?.how.ended, outcome?.how.response?.bytes], ['released', 41])
    })
  })

  test('a client that leaves lets go of the upstream', async () => {
    await withGateway({}, async (gateway) => {
      const events = await open(gateway)
      const closed =
        stream === undefined ? Promise.reject(new Error('none')) : once(stream, 'close')
      await events.cancel()
      await closed
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.ended, 'client-aborted')
    })
  })

  test('over HTTP/2 a client that closes its connection lets go of the upstream too', async () => {
    await withGateway({ protocols: ['h2'] }, async (gateway) => {
      const socket = connect(gateway.port, '127.0.0.1')
      const url = `http://127.0.0.1:${gateway.port}`
      const session = connectHttp2(url, { createConnection: () => socket })
      session.on('error', () => undefined)
      const request = session.request({
        ':path': '/events',
        authorization: `Bearer ${gateway.keys.ada}`,
      })
      request.on('error', () => undefined)
      await once(request, 'response')
      // Not a word of HTTP/2: the process is gone.
      socket.destroy()
      const [outcome] = await found(gateway, 'outcome')
      session.destroy()
      assert.equal(outcome?.how.ended, 'client-aborted')
    })
  })

  test('it may be silent for longer than a response, and last for longer', async () => {
    const limits = { responseIdleMs: 1000, exchangeMs: 1500, streamIdleMs: 60_000 }
    await withGateway({ limits }, async (gateway) => {
      const events = await open(gateway)
      await sleep(2000)
      stream?.end('data: 1\n\n')
      assert.equal(await events.next(), 'data: 1\n\n')
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.ended, 'released')
    })
  })

  test('silence has an end all the same', async () => {
    await withGateway({ limits: { streamIdleMs: 150 } }, async (gateway) => {
      const events = await open(gateway)
      await assert.rejects(events.next())
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.error, 'idle-timeout')
    })
  })
})

test('streams that stay open leave a late loop to short requests', async () => {
  const limits = { loopLagMs: 1, exchangesMin: 1 }
  await withGateway({ limits }, async (gateway) => {
    const streams: Awaited<ReturnType<typeof open>>[] = []
    for (let opened = 0; opened < 4; opened += 1) streams.push(await open(gateway))
    await sleep(2500)
    const holdUp = setInterval(() => {
      const untilMs = performance.now() + 30
      while (performance.now() < untilMs);
    }, 5)
    const statuses: number[] = []
    for (let asked = 0; asked < 12; asked += 1) {
      const short = await fetch(`http://127.0.0.1:${gateway.port}/nowhere`)
      await short.text()
      statuses.push(short.status)
    }
    clearInterval(holdUp)
    assert.deepEqual(statuses, Array(12).fill(401))
    for (const events of streams) await events.cancel()
  })
})

const FORBID = `@id("nobody") forbid (principal, action, resource);`

test('what becomes a stream after other policies came into force goes by them', async () => {
  await withGateway({}, async (gateway) => {
    stream = undefined
    const opening = open(gateway, '/later')
    const asked = await reached()
    await gateway.replacePolicies(FORBID)
    asked.writeHead(200, { 'content-type': 'text/event-stream' })
    asked.flushHeaders()
    const { response } = await opening
    assert.equal(response.status, 403)
    const [outcome] = await found(gateway, 'outcome')
    assert.deepEqual([outcome?.how.status, outcome?.how.error], [403, 'policy-forbids'])
  })
})

describe('what is open ends, within a second or two and with the reason in its outcome', () => {
  for (const [act, reason, why] of [
    [(gateway: TestGateway) => gateway.forgetKeys(), 'credentials-revoked', 'a key is taken back'],
    [
      (gateway: TestGateway) => gateway.replacePolicies(FORBID),
      'policy-forbids',
      'a policy that would not let it begin now is in force',
    ],
  ] as const) {
    test(`${why}: ${reason}`, () =>
      timely(2500, async () => {
        let tookMs = 0
        await withGateway({}, async (gateway) => {
          const events = await open(gateway)
          stream?.write('data: 1\n\n')
          await events.next()
          const sinceMs = performance.now()
          await act(gateway)
          await assert.rejects(events.next())
          tookMs = performance.now() - sinceMs
          const [outcome] = await found(gateway, 'outcome')
          assert.equal(outcome?.how.error, reason)
          assert.equal(outcome?.how.response?.bytes, 9)
        })
        return tookMs
      }))
  }

  test('a credential expires: credentials-expired, however long a stream may last', async () => {
    const soon: Authenticator = {
      name: 'soon',
      kind: 'test',
      carrier: 'authorization',
      challenges: [],
      recognises: ({ authorization: shown }) => shown.kind === 'token' && shown.form === 'opaque',
      authenticate: ({ atUs }) => ({
        known: true,
        principal: { ...ADA, kind: 'user', issuer: 'keys' },
        credential: { method: 'introspection', id: 'soon-over', expiresAtUs: atUs + 2_500_000 },
      }),
    }
    const limits = { exchangeMs: 500 }
    await withGateway({ authenticators: [soon], limits }, async (gateway) => {
      const events = await open(gateway, '/events', 'Bearer soon-over')
      stream?.write('data: 1\n\n')
      await events.next()
      await assert.rejects(events.next())
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.error, 'credentials-expired')
    })
  })

  test('a policy that still lets it leaves it alone', async () => {
    await withGateway({}, async (gateway) => {
      const events = await open(gateway)
      await gateway.replacePolicies('@id("all") permit (principal, action, resource);')
      await sleep(1200)
      stream?.end('data: 1\n\n')
      assert.equal(await events.next(), 'data: 1\n\n')
      assert.equal(await events.next(), 'end')
    })
  })
})

describe('how far an exchange has come', () => {
  test('is on record at the set interval, and no count falls', async () => {
    await withGateway({ limits: { progressMs: 1000 } }, async (gateway) => {
      const events = await open(gateway)
      const bytesOf = ({ how }: RecordView): number => how.response?.bytes ?? -1
      /** The first that tells of so much: what came before it may have been late. */
      const told = async (bytes: number): Promise<RecordView | undefined> => {
        const progress = async () => await found(gateway, 'progress')
        await waitFor(async () => (await progress()).some((each) => bytesOf(each) === bytes))
        return (await progress()).find((each) => bytesOf(each) === bytes)
      }
      stream?.write('data: 1\n\n')
      await events.next()
      const first = await told(9)
      assert.equal(first?.when.about?.index, (await found(gateway, 'intent'))[0]?.index)
      assert.deepEqual(first?.how, {
        request: { bytes: 0, sha256: EMPTY_SHA256 },
        response: { bytes: 9, sha256: createHash('sha256').update('data: 1\n\n').digest('hex') },
      })
      stream?.write('data: 2\n\n')
      await told(18)
      const counts = (await found(gateway, 'progress')).map(bytesOf)
      assert.deepEqual(
        counts,
        counts.toSorted((one, other) => one - other),
        'no count falls',
      )
      stream?.end()
      await events.next()
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.response?.bytes, 18)
    })
  })

  test('is on record when enough has passed', async () => {
    await withGateway({ limits: { progressBytes: 65_536 } }, async (gateway) => {
      const bytes = await open(gateway, '/bytes')
      const [progress] = await found(gateway, 'progress')
      assert.ok((progress?.how.response?.bytes ?? 0) >= 65_536)
      await bytes.cancel()
    })
  })

  test('that cannot be written ends it: what is not on record does not go on', async () => {
    await withGateway({ limits: { progressMs: 1000 } }, async (gateway) => {
      const events = await open(gateway)
      gateway.gate.close()
      const broken = assert.rejects(events.next())
      await broken
      gateway.gate.open()
      const [outcome] = await found(gateway, 'outcome')
      assert.equal(outcome?.how.error, 'ledger-unavailable')
    })
  })
})

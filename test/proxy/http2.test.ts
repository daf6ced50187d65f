// Cases of HTTP/2, against the running proxy: the one answer that each must have, and what of it
// is written down. Requests that a library would not send are frames made here.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from '../demo-process.ts'
import { type GatewayOptions, type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { block, END_HEADERS, END_STREAM, type Field, FrameClient, frame } from './http2-frames.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const WHOLE = END_HEADERS | END_STREAM
const [PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR] = [1, 2, 3]
const [REFUSED_STREAM, CANCEL, CALM] = [7, 8, 11]

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

/** Pseudo-header fields and a key; `:path` and others are replaced by what is given. */
function head(gateway: TestGateway, change: Readonly<Record<string, string>> = {}): Field[] {
  const fields = { ':method': 'GET', ':scheme': 'http', ':authority': 'api.example' }
  const all = { ...fields, ':path': '/echo', ...change }
  return [...Object.entries(all), ['authorization', `Bearer ${gateway.keys.ada}`]]
}

async function withGateway(
  options: Partial<GatewayOptions>,
  run: (gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const protocols = ['h2', 'http/1.1'] as const
  const gateway = await startGateway({ upstream: upstream.url, protocols, ...options })
  try {
    await run(gateway)
  } finally {
    await gateway.close()
  }
  await checkCounts(gateway)
}

/** Requests accepted = intents + refusals, counted ones included; intents = outcomes. */
async function checkCounts(gateway: TestGateway): Promise<void> {
  const records = await gateway.exchanges()
  const count = (kind: string): number => records.filter((each) => each.kind === kind).length
  const folded = records
    .filter(({ kind, what }) => kind === 'fold' && what.act === 'close')
    .reduce((sum, { what }) => sum + (what.count ?? 0), 0)
  const [, accepted] =
    /^countersign_requests_accepted_total(?:\{.*\})? (\d+)$/m.exec(await gateway.metrics()) ?? []
  assert.equal(count('intent'), count('outcome'))
  assert.equal(Number(accepted ?? 0), count('intent') + count('refusal') + folded)
}

/** What the ledger says of what was not forwarded. */
async function refusals(gateway: TestGateway): Promise<readonly string[]> {
  const records = await gateway.exchanges()
  const found: string[] = []
  for (const { kind, why, what } of records) {
    if (kind === 'refusal') found.push(why.reason)
    if (kind === 'fold') found.push(`${what.reason} folded`)
  }
  return found
}

describe('heads of HTTP/2 requests', () => {
  let gateway: TestGateway
  let records: readonly RecordView[]
  const ran = new Map<string, { readonly was: string; readonly port: number }>()

  after(() => gateway.close())

  /** By the number of the case: fields that are added or replaced, and what becomes of it. */
  const CASES: readonly (readonly [
    string,
    (all: Field[]) => Field[],
    string,
    string | undefined,
  ])[] = [
    ['a plain request is served', (all) => all, 'status 200', undefined],
    [
      'H127: a name in upper case',
      (all) => [...all, ['X-A', '1']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H128: connection',
      (all) => [...all, ['connection', 'x']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H128: transfer-encoding',
      (all) => [...all, ['transfer-encoding', 'chunked']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H128: upgrade',
      (all) => [...all, ['upgrade', 'websocket']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H128: te that is not trailers',
      (all) => [...all, ['te', 'gzip']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    ['H128: te of trailers', (all) => [...all, ['te', 'trailers']], 'status 200', undefined],
    [
      'H104: http2-settings',
      (all) => [...all, ['http2-settings', 'AAMAAABk']],
      'status 400',
      'malformed-request',
    ],
    [
      'H129: no :path',
      (all) => all.filter(([name]) => name !== ':path'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H129: no :scheme',
      (all) => all.filter(([name]) => name !== ':scheme'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H129: no :method',
      (all) => all.filter(([name]) => name !== ':method'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H129: :path twice',
      (all) => [[':path', '/other'], ...all],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H129: :path after a field',
      (all) => [...all.filter(([name]) => name !== ':path'), [':path', '/echo']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H129: a pseudo-header that there is not',
      (all) => [[':other', '1'], ...all],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H130: :path without a slash',
      (all) => replaced(all, ':path', 'echo'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H130: :scheme of a whole URL',
      (all) => replaced(all, ':scheme', 'http://x/?'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H130: :scheme of another connection',
      (all) => replaced(all, ':scheme', 'https'),
      'status 400',
      'malformed-request',
    ],
    [
      'H130: :method with a question mark',
      (all) => replaced(all, ':method', 'GET?'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H131: host that is another one',
      (all) => [...all, ['host', 'other.example']],
      'status 400',
      'malformed-host',
    ],
    [
      'H131: host that is the same one, spelled in another way',
      (all) => [...all, ['host', 'API.example.']],
      'status 200',
      undefined,
    ],
    [
      'H131: only host',
      (all) => [...all.filter(([name]) => name !== ':authority'), ['host', 'api.example']],
      'status 200',
      undefined,
    ],
    [
      'H131: neither host nor :authority',
      (all) => all.filter(([name]) => name !== ':authority'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H131: user information in :authority',
      (all) => replaced(all, ':authority', 'u@api.example'),
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H132: a length, and no body',
      (all) => [...all, ['content-length', '2']],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H133: CONNECT',
      () => [
        [':method', 'CONNECT'],
        [':authority', 'db.example:5432'],
      ],
      'status 405',
      'method-not-allowed',
    ],
    [
      'H133: extended CONNECT',
      (all) => [[':protocol', 'websocket'], ...replaced(all, ':method', 'CONNECT')],
      `reset ${PROTOCOL_ERROR}`,
      'malformed-request',
    ],
    [
      'H124: more fields than the limit',
      (all) => [...all, ...Array.from({ length: 120 }, (): Field => ['x-a', '1'])],
      'status 431',
      'head-too-large',
    ],
    [
      'H124: more bytes than the limit',
      (all) => [...all, ['x-a', 'a'.repeat(9000)]],
      'status 431',
      'head-too-large',
    ],
    [
      'H124: far more fields than the limit',
      (all) => [...all, ...Array.from({ length: 500 }, (): Field => ['x-a', '1'])],
      `reset ${CALM}`,
      'malformed-request',
    ],
  ]
  before(async () => {
    const limits = { headBytesMax: 8192 }
    gateway = await startGateway({ upstream: upstream.url, protocols: ['h2', 'http/1.1'], limits })
    for (const [name, change] of CASES) {
      const client = new FrameClient(gateway.port)
      client.send(frame('headers', WHOLE, 1, block(change(head(gateway)))))
      ran.set(name, { was: await client.fate(1), port: client.port })
      client.end()
    }
    records = await eventually(async () => {
      const all = (await gateway.exchanges()).filter(({ kind }) => kind !== 'outcome')
      return all.length === CASES.length ? all : undefined
    })
  })

  for (const [name, , fate, reason] of CASES) {
    test(`${name}: ${fate}`, () => {
      const { was, port } = ran.get(name) ?? {}
      assert.equal(was, fate)
      const found = records.filter(({ where, kind }) => where.port === port && kind !== 'outcome')
      const kind = reason === undefined ? 'intent' : 'refusal'
      assert.deepEqual(
        found.map((each) => [each.kind, each.why.reason]),
        [[kind, reason ?? 'policy-permits']],
      )
    })
  }

  /** Fields that the engine takes out without a word: nobody judges, records or forwards them. */
  const DROPPED: readonly (readonly [string, Field])[] = [
    ['a colon in a name', ['x:a', 'smuggled']],
    ['a space in a name', ['x a', 'smuggled']],
    ['a line break in a name', ['x\r\na', 'smuggled']],
    ['a line break in a value', ['x-shown', 'smuggled\r\nx-admin: 1']],
    ['a NUL in a value', ['x-shown', 'smuggled\0']],
    ['space before a value', ['x-shown', ' smuggled']],
  ]
  for (const [name, field] of DROPPED) {
    test(`H127: ${name}: the field goes nowhere`, async () => {
      const client = new FrameClient(gateway.port)
      client.send(frame('headers', WHOLE, 1, block([...head(gateway), field])))
      assert.equal(await client.fate(1), 'status 200')
      const body = await client.next('data', 1)
      client.end()
      assert.doesNotMatch(String(body?.payload), /smuggled/)
      const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
      assert.equal(intent?.what.headers, undefined)
    })
  }

  test('H134: crumbs of a cookie are one field, joined in order', async () => {
    const client = new FrameClient(gateway.port)
    const crumbs: Field[] = [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ]
    client.send(frame('headers', WHOLE, 1, block([...head(gateway), ...crumbs])))
    const body = JSON.parse(String((await client.next('data', 1))?.payload)) as {
      readonly rawHeaders: readonly string[]
    }
    client.end()
    const cookies = body.rawHeaders.filter((_, at, all) => all[at - 1]?.toLowerCase() === 'cookie')
    assert.deepEqual(cookies, ['a=1; b=2'])
  })

  test('what is recorded names the protocol', async () => {
    const client = new FrameClient(gateway.port)
    client.send(frame('headers', WHOLE, 1, block(head(gateway, { ':path': '/echo/named' }))))
    await client.fate(1)
    client.end()
    const intent = (await gateway.exchanges()).findLast(({ kind }) => kind === 'intent')
    const { protocol, authority, path, method } = intent?.what ?? {}
    assert.deepEqual(
      [protocol, authority, path, method],
      ['HTTP/2', 'api.example', '/echo/named', 'GET'],
    )
  })

  test('HTTP/1.1 is served at the same port', async () => {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/echo`, {
      headers: { authorization: `Bearer ${gateway.keys.ada}` },
    })
    assert.equal(answer.status, 200)
  })
})

describe('bodies of HTTP/2 requests', () => {
  for (const [name, length, sent, fate, reason] of [
    ['as long as it says', '3', 'abc', 'status 200', undefined],
    ['of no given length', undefined, 'abc', 'status 200', undefined],
    ['H132: shorter than it says', '5', 'abc', `reset ${PROTOCOL_ERROR}`, 'malformed-framing'],
    ['H132: longer than it says', '2', 'abc', 'goaway 2', 'client-aborted'],
  ] as const) {
    test(`${name}: ${fate}`, async () => {
      await withGateway({}, async (gateway) => {
        const client = new FrameClient(gateway.port)
        const lengths: Field[] = length === undefined ? [] : [['content-length', length]]
        const fields = [...head(gateway, { ':method': 'POST' }), ...lengths]
        client.send(frame('headers', END_HEADERS, 1, block(fields)))
        await sleep(50)
        client.send(frame('data', END_STREAM, 1, Buffer.from(sent)))
        assert.equal(await client.fate(1), fate)
        client.end()
        const outcome = await eventually(async () => {
          return (await gateway.exchanges()).find(({ kind }) => kind === 'outcome')
        })
        assert.equal(outcome.how.error, reason)
        const whole = reason === undefined ? 3 : 0
        assert.equal((await upstream.received()).bytes >= whole, true)
      })
    })
  }
})

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

function replaced(fields: readonly Field[], name: string, value: string): Field[] {
  return fields.map((field) => (field[0] === name ? [name, value] : field))
}

async function intentCount(gateway: TestGateway): Promise<number> {
  return (await gateway.exchanges()).filter(({ kind }) => kind === 'intent').length
}

/** What is looked for may take a moment to be on record. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined
  await waitFor(async () => {
    found = await look()
    return found !== undefined
  })
  return found ?? assert.fail('it did not come')
}

// Cases of HTTP/2, against the running proxy: the one answer that each must have, and what of it
// is written down. Requests that a library would not send are frames made here.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { block, END_HEADERS, END_STREAM, type Field, FrameClient, frame } from './http2-frames.ts'
import { eventually, head, upstream, withGateway } from './http2-rig.ts'

const WHOLE = END_HEADERS | END_STREAM
const [PROTOCOL_ERROR, CALM] = [1, 11]

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

function replaced(fields: readonly Field[], name: string, value: string): Field[] {
  return fields.map((field) => (field[0] === name ? [name, value] : field))
}

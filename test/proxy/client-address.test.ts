// Where a request came from: what a proxy in front of the gateway says of it, and who may say so.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { waitFor } from '../demo-process.ts'
import { need } from '../needs.ts'
import { type Authority, makeAuthority } from './certificates.ts'
import { type GatewayOptions, type RecordView, startGateway, type TestGateway } from './gateway.ts'
import { type Answer, readAnswer, sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const V1 = 'PROXY TCP4 192.0.2.7 203.0.113.9 50000 443\r\n'
const V2 = Buffer.from(
  '0d0a0d0a000d0a515549540a2121002420010db8000000000000000000000007'.concat(
    '20010db8000000000000000000000009c35001bb',
  ),
  'hex',
).toString('latin1')
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex').toString('latin1')
const TRUSTED = { proxyProtocol: { trusted: ['127.0.0.0/8'] } }

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

function ask(gateway: TestGateway, fields: readonly string[] = []): string {
  const key = `Authorization: Bearer ${gateway.keys.ada}`
  return [
    'GET /echo HTTP/1.1',
    'Host: a.example',
    key,
    ...fields,
    'Connection: close',
    '',
    '',
  ].join('\r\n')
}

async function where(gateway: TestGateway): Promise<string> {
  const last = (await gateway.exchanges()).findLast(({ kind }) => kind !== 'outcome')
  return whereOf(last)
}

function whereOf(record: RecordView | undefined): string {
  const { address, port, forwarded = [] } = record?.where ?? {}
  const from = [address, ...forwarded].join(' < ')
  return port === undefined ? from : `${from} port ${port === 50_000 ? port : 'its own'}`
}

/** What the upstream was told, by name. */
function toldIn(answer: Answer): Readonly<Record<string, string>> {
  const { rawHeaders } = JSON.parse(answer.body) as { readonly rawHeaders: readonly string[] }
  const told: Record<string, string> = {}
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? ''
    if (!/forwarded|^x-(real|client|cluster)/.test(name)) continue
    assert.ok(!(name in told), `${name} twice`)
    told[name] = rawHeaders[at + 1] ?? ''
  }
  return told
}

function suite(
  name: string,
  options: Partial<GatewayOptions>,
  cases: (at: () => TestGateway) => void,
) {
  describe(name, () => {
    let gateway: TestGateway
    before(async () => {
      gateway = await startGateway({ upstream: upstream.url, ...options })
    })
    after(() => gateway.close())
    cases(() => gateway)
  })
}

suite('PROXY protocol of a trusted peer', {
  listener: TRUSTED,
  limits: { proxyHeaderMs: 300 },
}, (at) => {
  for (const [header, want, name] of [
    [V1, '192.0.2.7 < 127.0.0.1 port 50000', 'version 1'],
    [V2, '2001:db8::7 < 127.0.0.1 port 50000', 'version 2'],
    [LOCAL, '127.0.0.1 port its own', 'a health check of the proxy itself'],
  ] as const) {
    test(`${name}: the record has ${want}`, async () => {
      const answer = readAnswer(await sendRaw(at().port, header + ask(at())))
      assert.equal(answer.status, 200)
      assert.equal(await where(at()), want)
    })
    test(`${name}, byte by byte`, async () => {
      const socket = connect(at().port, '127.0.0.1').setNoDelay(true)
      for (const byte of Buffer.from(header, 'latin1')) {
        socket.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
      socket.write(ask(at()))
      assert.equal(readAnswer(await textOf(socket)).status, 200)
      assert.equal(await where(at()), want)
    })
  }

  test('the upstream is told of the client and of the proxy', async () => {
    const answer = readAnswer(await sendRaw(at().port, V1 + ask(at())))
    assert.equal(toldIn(answer)['x-forwarded-for'], '192.0.2.7, 127.0.0.1')
  })

  for (const [bytes, reason, name] of [
    ['', 'request-timeout', 'no header in time'],
    ['PROXY TCP4 ', 'request-timeout', 'half a header'],
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'malformed-request', 'a request without a header'],
    ['PROXY TCP4 1.2.3.4 x 1 2\r\n', 'malformed-request', 'a header that is none'],
  ] as const) {
    test(`${name}: closed without a word, and recorded as ${reason}`, async () => {
      assert.equal(await sendRaw(at().port, bytes), '')
      const refusal = (await at().exchanges()).at(-1)
      assert.equal(refusal?.why.reason, reason)
      assert.equal(refusal?.where.address, '127.0.0.1')
    })
  }

  test('a second header is no request', async () => {
    assert.equal(readAnswer(await sendRaw(at().port, V1 + V1)).status, 400)
  })

  test('who is under quarantine is so behind the proxy as well', async () => {
    const { containment } = at()
    const target = { kind: 'address', prefix: '192.0.2.0/24' } as const
    const by = { issuer: 'keys', id: 'olga' }
    const order = { target, reason: 'a test', by, forMs: 60_000 }
    const { measure } = await containment.contain(order)
    try {
      assert.equal(readAnswer(await sendRaw(at().port, V1 + ask(at()))).status, 403)
      assert.equal(readAnswer(await sendRaw(at().port, V2 + ask(at()))).status, 200)
    } finally {
      await containment.lift(measure.id, { reason: 'over', by })
    }
  })
})

suite('PROXY protocol of others', {
  listener: { proxyProtocol: { trusted: ['192.0.2.0/24'] } },
}, (at) => {
  test('without a header they are served as who they are', async () => {
    assert.equal(readAnswer(await sendRaw(at().port, ask(at()))).status, 200)
    assert.equal(await where(at()), '127.0.0.1 port its own')
  })
  for (const [header, name] of [
    [V1, 'version 1'],
    [V2, 'version 2'],
  ] as const) {
    test(`${name}: a header is no request`, async () => {
      assert.equal(readAnswer(await sendRaw(at().port, header + ask(at()))).status, 400)
      assert.equal(await where(at()), '127.0.0.1 port its own')
    })
  }
})

describe('PROXY protocol before TLS', {
  skip: need('openssl', { command: 'openssl', install: 'apt-get install openssl' }),
}, () => {
  let authority: Authority
  let gateway: TestGateway
  before(async () => {
    authority = makeAuthority()
    const certificate = authority.issue(['a.example'])
    gateway = await startGateway({ upstream: upstream.url, certificate, listener: TRUSTED })
  })
  after(async () => {
    await gateway.close()
    authority.remove()
  })

  for (const [header, want, name] of [
    [V1, '192.0.2.7 < 127.0.0.1 port 50000', 'version 1'],
    [V2, '2001:db8::7 < 127.0.0.1 port 50000', 'version 2'],
  ] as const) {
    for (const together of [false, true]) {
      test(`${name}${together ? ', in one piece with the handshake' : ''}: ${want}`, async () => {
        const plain = connect(gateway.tlsPort, '127.0.0.1')
        await once(plain, 'connect')
        if (together) plain.cork()
        plain.write(header, 'latin1')
        const options = { socket: plain, ca: authority.pem, servername: 'a.example' }
        const socket = connectTls({ ...options, ALPNProtocols: ['http/1.1'] })
        if (together) setImmediate(() => plain.uncork())
        await once(socket, 'secureConnect')
        socket.write(ask(gateway))
        assert.equal(readAnswer(await textOf(socket)).status, 200)
        assert.equal(await where(gateway), want)
      })
    }
  }

  test('a handshake that is none is refused to whom the header names', async () => {
    const plain = connect(gateway.tlsPort, '127.0.0.1')
    plain.end(`${V1}GET / HTTP/1.1\r\n\r\n`)
    plain.resume()
    await once(plain, 'close')
    const want = '192.0.2.7 < 127.0.0.1 port 50000'
    await waitFor(async () => (await where(gateway)) === want)
  })
})

const CHAIN = ['X-Forwarded-For: 127.0.0.1, 192.0.2.7, 10.0.0.2']
const LOOKALIKES = [
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 1',
  'Forwarded: for=6.6.6.6',
  'X-Real-IP: 6.6.6.6',
  'X-Client-IP: 6.6.6.6',
]
const OURS = {
  'x-forwarded-for': '127.0.0.1',
  'x-forwarded-proto': 'http',
  'x-forwarded-host': 'a.example',
}

suite('forwarded by nobody who is trusted', {}, (at) => {
  test('H91, H69: what a client says of itself is dropped', async () => {
    const answer = readAnswer(await sendRaw(at().port, ask(at(), [...CHAIN, ...LOOKALIKES])))
    assert.deepEqual(toldIn(answer), OURS)
    assert.equal(await where(at()), '127.0.0.1 port its own')
  })
})

const PROXIES: NonNullable<GatewayOptions['listener']> = {
  forwarded: { header: 'x-forwarded-for', trusted: ['127.0.0.0/8', '10.0.0.0/8'] },
}

suite('forwarded by proxies of trusted networks', { listener: PROXIES }, (at) => {
  test('H91: it came from the first from the right who is not one of them', async () => {
    const answer = readAnswer(await sendRaw(at().port, ask(at(), [...CHAIN, ...LOOKALIKES])))
    assert.equal(await where(at()), '192.0.2.7 < 10.0.0.2 < 127.0.0.1')
    const chain = { 'x-forwarded-for': '192.0.2.7, 10.0.0.2, 127.0.0.1' }
    assert.deepEqual(toldIn(answer), { ...OURS, ...chain })
  })
  test('what cannot be read is refused, and counts for the proxy', async () => {
    const answer = readAnswer(await sendRaw(at().port, ask(at(), ['X-Forwarded-For: nonsense'])))
    assert.equal(answer.status, 400)
    assert.equal(await where(at()), '127.0.0.1 port its own')
  })
  test('requests of one connection come from where each of them says', async () => {
    const [first, second] = ['192.0.2.7', '192.0.2.8'].map((address) => {
      return ask(at(), [`X-Forwarded-For: ${address}`])
    })
    const both = `${first?.replace('Connection: close\r\n', '')}${second}`
    await sendRaw(at().port, both, { isAll: (text) => text.split('HTTP/1.1 200').length === 3 })
    const intents = (await at().exchanges()).filter(({ kind }) => kind === 'intent').slice(-2)
    assert.deepEqual(
      intents.map((each) => each.where.address),
      ['192.0.2.7', '192.0.2.8'],
    )
  })
})

suite('forwarded by one proxy', {
  listener: { forwarded: { header: 'forwarded', hops: 1 } },
}, (at) => {
  test('its word is the last one', async () => {
    const fields = ['Forwarded: for=6.6.6.6, for="[2001:db8::1]:80";proto=https']
    assert.equal(readAnswer(await sendRaw(at().port, ask(at(), fields))).status, 200)
    assert.equal(await where(at()), '2001:db8::1 < 127.0.0.1')
  })
})

const ROUTE = { name: 'all', path: '/', upstream: 'upstream' }

for (const [choice, want] of [
  ['none', {}],
  ['forwarded', { forwarded: 'for=127.0.0.1;proto=http;host="a.example"' }],
  ['both', { ...OURS, forwarded: 'for=127.0.0.1;proto=http;host="a.example"' }],
] as const) {
  suite(`a route that tells its upstream: ${choice}`, {
    routes: [{ ...ROUTE, forwarded: choice }],
  }, (at) => {
    test('that, and nothing that a client says', async () => {
      const answer = readAnswer(await sendRaw(at().port, ask(at(), LOOKALIKES)))
      assert.deepEqual(toldIn(answer), want)
    })
  })
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

// Spans, as a collector gets them: of the right trace, under the right parent, naming nobody.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { telemetryConfigSchema } from '../../packages/gateway/src/telemetry/index.ts'
import { Traces } from '../../packages/gateway/src/telemetry/traces.ts'
import { startGateway } from './gateway.ts'

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

interface Collector {
  readonly url: string
  readonly spans: Span[]
  readonly authorizations: (string | undefined)[]
  text: string
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const [SERVER, CLIENT] = [2, 3]

/** What takes OTLP/HTTP in JSON. */
async function startCollector(t: TestContext): Promise<Collector> {
  const collector = {
    url: '',
    spans: [] as Span[],
    authorizations: [] as (string | undefined)[],
    text: '',
  }
  const server = createServer((request, response) => {
    void request
      .toArray()
      .then((chunks) => take(Buffer.concat(chunks).toString(), request, response))
  })
  const take = (text: string, request: IncomingMessage, response: ServerResponse): void => {
    collector.text += text
    collector.authorizations.push(request.headers.authorization)
    const { resourceSpans } = JSON.parse(text) as {
      resourceSpans: { scopeSpans: { spans: Span[] }[] }[]
    }
    collector.spans.push(...resourceSpans.flatMap((one) => one.scopeSpans.flatMap((s) => s.spans)))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`
  return collector
}

/** An upstream that remembers the `traceparent` of each request. */
async function startTraced(t: TestContext): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(String(request.headers.traceparent))
    response.end('x')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

function openTraces(endpoint: string, more: object = {}): Traces {
  const { traces: config } = telemetryConfigSchema.parse({ traces: { endpoint, ...more } })
  assert.ok(config)
  const random = systemRandom()
  const bytes = (count: number): Uint8Array => random.bytes(count)
  const fixed = { authorization: 'Bearer collector', gateway: 'test', version: '0' }
  return new Traces({ ...fixed, config, bytes })
}

test('a sampled trace has our span under the caller’s, and the call below it', async (t) => {
  const collector = await startCollector(t)
  const upstream = await startTraced(t)
  const tracing = openTraces(collector.url, { newTraceRatio: 0 })
  const gateway = await startGateway({ upstream: upstream.url, tracing })
  t.after(gateway.close)
  const ask = async (traceparent: string | undefined): Promise<number> => {
    const headers: Record<string, string> = { authorization: `Bearer ${gateway.keys.ada}` }
    if (traceparent !== undefined) headers.traceparent = traceparent
    const response = await fetch(`http://127.0.0.1:${gateway.port}/bytes/1?who=ada`, { headers })
    await response.arrayBuffer()
    return response.status
  }
  assert.equal(await ask(`00-${TRACE}-${PARENT}-01`), 200)
  assert.equal(await ask(`00-${TRACE}-${PARENT}-00`), 200, 'not sampled by the caller')
  assert.equal(await ask(undefined), 200, 'a new trace, of which none is sampled')
  await gateway.close()
  await tracing.close()

  const [server, client] = [SERVER, CLIENT].map((kind) =>
    collector.spans.filter((span) => span.kind === kind),
  )
  assert.deepEqual([server?.length, client?.length], [1, 1], 'the sampled one alone')
  const [ours, call] = [server?.[0], client?.[0]]
  assert.ok(ours && call)
  assert.deepEqual([ours.traceId, ours.parentSpanId], [TRACE, PARENT])
  assert.deepEqual([call.traceId, call.parentSpanId], [TRACE, ours.spanId])
  assert.equal(upstream.seen[0], `00-${TRACE}-${call.spanId}-01`, 'the call is what went on')
  assert.ok(BigInt(ours.startTimeUnixNano) <= BigInt(call.startTimeUnixNano))
  assert.ok(BigInt(call.endTimeUnixNano) <= BigInt(ours.endTimeUnixNano))
  const [intent] = (await gateway.exchanges()).filter(({ kind }) => kind === 'intent')
  const index = ours.attributes.find(({ key }) => key === 'countersign.index')
  assert.deepEqual(index?.value, { intValue: intent?.index })
  assert.deepEqual(collector.authorizations, ['Bearer collector'])
  for (const secret of [gateway.keys.ada, 'ada', 'bytes', '127.0.0.1']) {
    assert.ok(!collector.text.includes(secret), `${secret} is nobody's business there`)
  }
})

for (const [name, more, traceparent, spans] of [
  ['new traces are begun and told upstream', { newTraceRatio: 1 }, undefined, 2],
  [
    'callers cannot make us send',
    { newTraceRatio: 0, followCallers: false },
    `00-${TRACE}-${PARENT}-01`,
    0,
  ],
  [
    'a caller’s malformed trace is none',
    { newTraceRatio: 1 },
    `00-${TRACE}-0000000000000000-01`,
    2,
  ],
] as const) {
  test(name, async (t) => {
    const collector = await startCollector(t)
    const upstream = await startTraced(t)
    const tracing = openTraces(collector.url, more)
    const gateway = await startGateway({ upstream: upstream.url, tracing })
    t.after(gateway.close)
    const headers: Record<string, string> = { authorization: `Bearer ${gateway.keys.ada}` }
    if (traceparent !== undefined) headers.traceparent = traceparent
    const response = await fetch(`http://127.0.0.1:${gateway.port}/bytes/1`, { headers })
    await response.arrayBuffer()
    await gateway.close()
    await tracing.close()
    assert.equal(collector.spans.length, spans)
    if (spans === 0) return
    const call = collector.spans.find(({ kind }) => kind === CLIENT)
    const ours = collector.spans.find(({ kind }) => kind === SERVER)
    assert.equal(upstream.seen[0], `00-${call?.traceId}-${call?.spanId}-01`)
    assert.equal(ours?.parentSpanId ?? '', '', 'it begins here')
    assert.notEqual(call?.traceId, TRACE)
  })
}

test('a collector that is gone costs no request', async (t) => {
  const upstream = await startTraced(t)
  const tracing = openTraces('http://127.0.0.1:1/v1/traces', {
    newTraceRatio: 1,
    spansWaitingMax: 1,
  })
  const gateway = await startGateway({ upstream: upstream.url, tracing })
  t.after(gateway.close)
  for (let at = 0; at < 20; at += 1) {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/bytes/1`, {
      headers: { authorization: `Bearer ${gateway.keys.ada}` },
    })
    await response.arrayBuffer()
    assert.equal(response.status, 200)
  }
  await gateway.close()
  await tracing.close().catch(() => undefined)
})

for (const [endpoint, isTaken] of [
  ['https://collector.example/v1/traces', true],
  ['http://127.0.0.1:4318/v1/traces', true],
  ['http://collector.example/v1/traces', false],
  ['ftp://collector.example/v1/traces', false],
] as const) {
  test(`a collector at ${endpoint} is ${isTaken ? 'taken' : 'refused'}`, () => {
    assert.equal(telemetryConfigSchema.safeParse({ traces: { endpoint } }).success, isTaken)
  })
}

test('a tracestate goes on with the trace that it is of, never with another', async (t) => {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(String(request.headers.tracestate))
    response.end('x')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = await startGateway({ upstream })
  t.after(gateway.close)
  const authorization = `Bearer ${gateway.keys.ada}`
  for (const traceparent of [`00-${TRACE}-${PARENT}-01`, 'zz', undefined]) {
    const headers: Record<string, string> = { authorization, tracestate: 'vendor=1' }
    if (traceparent !== undefined) headers.traceparent = traceparent
    await (await fetch(`http://127.0.0.1:${gateway.port}/bytes/1`, { headers })).arrayBuffer()
  }
  assert.deepEqual(seen, ['vendor=1', 'undefined', 'undefined'])
})

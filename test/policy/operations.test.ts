// Operations: what a route's owner calls a method and a path, for policies and in records.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { PolicySet, questionOf } from '../../packages/gateway/src/policy/index.ts'
import { startGateway, type TestGateway } from '../proxy/gateway.ts'

const POLICIES = `
@id("read") permit (principal, action, resource)
when { context has operation && context.operation == "orders.read" && resource.hasTag("id") &&
  resource.getTag("id") != "8" };
@id("named") permit (principal == User::"ada", action, resource)
when { context has operation && context.operation like "orders.*" };`

const ROUTES = [
  {
    name: 'orders',
    path: '/orders',
    upstream: 'upstream',
    operations: [
      { name: 'orders.read', methods: ['GET'], path: '/orders/{id}' },
      { name: 'orders.cancel', methods: ['POST'], path: '/orders/{id}/cancel' },
    ],
  },
]

let server: Server
let gateway: TestGateway
before(async () => {
  server = createServer((request, response) => {
    request.resume()
    response.end('ok')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const { port } = server.address() as AddressInfo
  const upstream = `http://127.0.0.1:${port}`
  gateway = await startGateway({ upstream, routes: ROUTES, policies: POLICIES })
})
after(async () => {
  await gateway.close()
  server.closeAllConnections()
  server.close()
})

const CASES: readonly (readonly [keyof TestGateway['keys'], string, string, string])[] = [
  ['ben', 'GET', '/orders/7', '200 orders.read by read'],
  ['ben', 'GET', '/orders/8', '403 orders.read by '],
  ['ada', 'GET', '/orders/8', '200 orders.read by named'],
  ['ada', 'POST', '/orders/8/cancel', '200 orders.cancel by named'],
  ['ben', 'POST', '/orders/8/cancel', '403 orders.cancel by '],
  ['ada', 'POST', '/orders/8/cancel/', '403 undefined by '],
  ['ada', 'DELETE', '/orders/8', '403 undefined by '],
]
for (const [who, method, path, expected] of CASES) {
  test(`${who} asks for ${method} ${path}: ${expected}`, async () => {
    const headers = { authorization: `Bearer ${gateway.keys[who]}` }
    const { status } = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { method, headers })
    const records = await gateway.exchanges()
    const record = records.findLast(({ kind }) => kind === 'intent' || kind === 'refusal')
    assert.ok(record !== undefined)
    const { what, why } = record
    assert.equal(`${status} ${what.operation} by ${why.policies?.join()}`, expected)
    assert.equal(why.facts?.pattern, PATTERNS[what.operation ?? ''])
    // From the record alone, the same question.
    const question = questionOf(record)
    assert.ok(question !== undefined)
    const set = PolicySet.compile([{ name: 'policies.cedar', text: POLICIES }])
    const again = set.decide(question, record.who.requestSalt ?? '')
    assert.deepEqual([again.request, again.reason], [why.requestSha256, why.reason])
  })
}

const PATTERNS: Readonly<Record<string, string>> = {
  'orders.read': '/orders/{id}',
  'orders.cancel': '/orders/{id}/cancel',
}

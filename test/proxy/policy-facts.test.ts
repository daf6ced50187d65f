// What policies see of a request is what is recorded of it, and nothing gets past them by that.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { sendRaw } from './raw-client.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

const POLICIES = `
@id("own") permit (principal == User::"ada", action, resource == Route::"own")
when { resource.hasTag("owner") && resource.getTag("owner") == "ada" };
@id("all") permit (principal, action, resource == Route::"all");
@id("no-exports") forbid (principal, action, resource) when { resource.path like "*.export" };
@id("no-bearer") forbid (principal, action, resource) when { context.headers.hasTag("x-shown")
  && context.headers.getTag("x-shown").contains("a Bearer b") };
`

let upstream: UpstreamProcess
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  const routes = [
    { name: 'all', path: '/echo', upstream: 'upstream', headers: ['X-Shown'] },
    { name: 'own', path: '/echo/of/{owner}', upstream: 'upstream' },
  ]
  gateway = await startGateway({ upstream: upstream.url, routes, policies: POLICIES })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

for (const [name, target, header, status, reason] of [
  ['a parameter of the path', '/echo/of/ada/7', 'X: 1', 200, 'policy-permits'],
  ['another value of it', '/echo/of/ben/7', 'X: 1', 403, 'no-policy-permits'],
  ['a path that is forbidden', '/echo/x.export', 'X: 1', 403, 'policy-forbids'],
  ['one that looks like a token', '/echo/eyJaaaaa.bbbbb.export', 'X: 1', 403, 'redaction-matters'],
  ['a token that no policy minds', '/echo/eyJaaaaa.bbbbb.c', 'X: 1', 200, 'policy-permits'],
  ['a header that looks like one', '/echo', 'X-Shown: a Bearer b', 403, 'redaction-matters'],
  ['such a header that no policy minds', '/echo', 'X-Shown: Bearer c', 200, 'policy-permits'],
  ['a header too long', '/echo', `X-Shown: ${'a'.repeat(8_200)}`, 431, 'record-too-large'],
] as const) {
  test(`${name}: ${status} ${reason}`, async () => {
    const auth = `Authorization: Bearer ${gateway.keys.ada}`
    const head = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${auth}\r\n`
    const text = await sendRaw(gateway.port, `${head}${header}\r\n\r\n`)
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
    const records = await gateway.exchanges()
    const last = records.findLast(({ kind }) => kind === 'intent' || kind === 'refusal')
    assert.equal(last?.why?.reason, reason)
  })
}

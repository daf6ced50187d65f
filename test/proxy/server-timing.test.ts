// Who is told how long each phase of a request took: nobody, unless the route says so.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startGateway, type TestGateway } from './gateway.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess
let gateway: TestGateway

const ROUTE = { upstream: 'upstream', headers: [] }
const POLICIES = `
permit (principal == User::"ada", action, resource);
permit (principal == Service::"ben", action, resource);`

before(async () => {
  upstream = await startUpstream()
  const askedBy = [{ principal: 'ada' }]
  const elsewhere = [{ principal: 'ada', issuer: 'elsewhere' }]
  gateway = await startGateway({
    upstream: upstream.url,
    policies: POLICIES,
    routes: [
      { ...ROUTE, name: 'silent', path: '/echo' },
      { ...ROUTE, name: 'open', path: '/open', serverTiming: 'always' },
      { ...ROUTE, name: 'asked', path: '/asked', serverTiming: { askedBy } },
      { ...ROUTE, name: 'other', path: '/other', serverTiming: { askedBy: elsewhere } },
    ],
  })
})
after(async () => {
  await gateway.close()
  await upstream.close()
})

const ALL = ['identify', 'decide', 'record', 'upstream', 'record-outcome']
const ASKING = { 'countersign-timing': '1' }

for (const [what, path, who, headers, phases] of [
  ['a route that says nothing tells nobody', '/echo', 'ada', ASKING, undefined],
  ['a route that always tells tells anybody', '/open', 'ben', {}, ALL],
  ['a refusal of such a route has the phases up to it', '/open', 'nobody', {}, ['identify']],
  ['a caller who is named and asks is told', '/asked', 'ada', ASKING, ALL],
  ['a caller who is named and does not ask is not', '/asked', 'ada', {}, undefined],
  ['a caller who is not named asks in vain', '/asked', 'ben', ASKING, undefined],
  ['nobody in particular asks in vain', '/asked', 'nobody', ASKING, undefined],
  ['somebody else of the same name asks in vain', '/other', 'ada', ASKING, undefined],
] as const) {
  test(what, async () => {
    const keys: Readonly<Record<string, string>> = gateway.keys
    const authorization = who === 'nobody' ? {} : { authorization: `Bearer ${keys[who]}` }
    const url = `http://127.0.0.1:${gateway.port}${path}`
    const response = await fetch(url, { headers: { ...authorization, ...headers } })
    await response.arrayBuffer()
    const told = response.headers.get('server-timing')
    if (phases === undefined) return assert.equal(told, null)
    const parts = (told ?? '').split(', ').map((part) => part.split(';dur='))
    assert.deepEqual(
      parts.map(([phase]) => phase),
      phases,
    )
    for (const [phase, ms] of parts) assert.match(ms ?? '', /^\d+\.\d{3}$/, `of ${phase}`)
  })
}

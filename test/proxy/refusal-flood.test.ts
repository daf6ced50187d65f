// A flood of refusals cannot fill the ledger, and none of it is lost. Test/e2e has the large one.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MemoryStore, quotaTime } from '../../packages/gateway/src/limits/index.ts'
import { systemClock } from '../../packages/gateway/src/platform/index.ts'
import { waitFor } from '../demo-process.ts'
import { flood } from './flood.ts'
import { type RecordView, startGateway } from './gateway.ts'
import { Load } from './load.ts'
import { startUpstream, type UpstreamProcess } from './upstream.ts'

let upstream: UpstreamProcess

before(async () => {
  upstream = await startUpstream()
})
after(() => upstream.close())

const ROUTE = { name: 'all', path: '/', upstream: 'upstream', quotas: ['each'] }

function open(limits: object, quota: object = { key: 'principal', limit: 1, window: '1d' }) {
  return startGateway({
    upstream: upstream.url,
    routes: [ROUTE],
    quotas: { each: quota },
    quotaStore: new MemoryStore({ nowUs: quotaTime(systemClock()) }),
    policies: '@id("all") permit (principal, action, resource);',
    limits: { refusalsPerSecondMax: 100, refusalsWholeMax: 10, ...limits },
  })
}

function countsOf(records: readonly RecordView[]) {
  const whole = records.filter(({ kind }) => kind === 'refusal').length
  const folds = records.filter(({ kind }) => kind === 'fold')
  const of = (act: string) => folds.filter(({ what }) => what.act === act)
  const folded = of('close').reduce((sum, { what }) => sum + (what.count ?? 0), 0)
  return { whole, folded, open: of('open'), tally: of('tally'), close: of('close') }
}

test('5,000 refusals of one caller: ten whole, a fold, and every one counted', async (t) => {
  const gateway = await open({})
  t.after(gateway.close)
  const request = (): string =>
    `GET /bytes/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys.ada}\r\n\r\n`
  const counts = await flood({ port: gateway.port, total: 5001, connections: 8, request })
  assert.deepEqual([counts.get(200), counts.get(429)], [1, 5000])
  const lastTally = async () => countsOf(await gateway.exchanges()).tally.at(-1)?.what.count
  await waitFor(async () => (await lastTally()) === 4990)

  await gateway.close()
  const records = await gateway.exchanges()
  const { whole, folded, open: opened, close, tally } = countsOf(records)
  assert.deepEqual([whole, folded, opened.length, close.length], [10, 4990, 1, 1])
  assert.ok(tally.length <= 60, 'once a second')
  const [opening] = opened
  const about = records.find(({ index }) => index === opening?.when.about?.index)
  assert.deepEqual([about?.kind, about?.who.principal.id], ['refusal', 'ada'])
  assert.match(opening?.text ?? '', /"scope":"caller".*"key":"[0-9a-f]{32}"/)
  assert.doesNotMatch(opening?.text ?? '', /\bada\b/)
  assert.equal(close[0]?.when.about?.index, opening?.index)
  const bytes = records.reduce((sum, { text }) => sum + text.length, 0)
  assert.ok(bytes < 50_000, `${bytes} bytes`)
})

test('a flood from many addresses is counted by network, then together', async (t) => {
  // Longer than any machine takes for the flood: none of the folds is closed and opened again.
  const limits = { foldsMax: 2, foldMs: 600_000, refusalsPerSecondMax: 20, refusalsWholeMax: 2 }
  const gateway = await open(limits)
  t.after(gateway.close)
  const from = Array.from({ length: 120 }, (_, at) => `127.0.${at % 12}.${1 + at}`)
  const request = (): string => 'GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n'
  const counts = await flood({ port: gateway.port, total: 2400, connections: 120, request, from })
  assert.equal(counts.get(401), 2400)
  await gateway.close()
  const records = await gateway.exchanges()
  const { whole, folded, open: opened } = countsOf(records)
  assert.equal(whole + folded, 2400)
  const scopes = opened.map(({ text }) => /"scope":"(\w+)"/.exec(text)?.[1])
  const count = (scope: string): number => scopes.filter((each) => each === scope).length
  assert.ok(count('caller') <= 2 && count('network') <= 2 && count('all') === 1, scopes.join())
  assert.ok(records.length < 250, `${records.length} records`)
})

test('whoever is served is served all the same, and is on record', async (t) => {
  const gateway = await open({}, { key: 'principal', limit: 400, window: '1d' })
  t.after(gateway.close)
  const request = (): string => 'GET /bytes/1 HTTP/1.1\r\nHost: x\r\n\r\n'
  const ada = new Load(gateway.port, gateway.keys.ada)
  t.after(() => ada.close())
  const [noise, served] = await Promise.all([
    flood({ port: gateway.port, total: 3000, connections: 8, request }),
    ada.run(200, 2, '/bytes/1'),
  ])
  assert.deepEqual([noise.get(401), served.get(200)], [3000, 200])
  const records = await gateway.exchanges()
  assert.equal(records.filter(({ kind }) => kind === 'outcome').length, 200)
})

test('a fold that is quiet is closed, and the next refusal is whole again', async (t) => {
  const gateway = await open({ foldMs: 300, refusalsWholeMax: 1 })
  t.after(gateway.close)
  const ben = new Load(gateway.port)
  t.after(() => ben.close())
  await ben.run(5, 1, '/bytes/1')
  const counts = async () => countsOf(await gateway.exchanges())
  // One that was quiet for so long between two of them would have been closed before.
  await waitFor(async () => {
    const { whole, folded, close } = await counts()
    return whole + folded === 5 && close.length === whole
  })
  const { whole } = await counts()
  assert.ok(whole < 5, `${whole} of 5 are whole`)
  await ben.run(1, 1, '/bytes/1')
  assert.equal((await counts()).whole, whole + 1)
})

test('a ledger that dies under a fold: what it was not told goes into another', async (t) => {
  const gateway = await open({ refusalsWholeMax: 1 })
  t.after(gateway.close)
  const ben = new Load(gateway.port)
  t.after(() => ben.close())
  assert.deepEqual(await ben.run(20, 2, '/bytes/1'), new Map([[401, 20]]))
  const before = await gateway.exchanges()
  gateway.disk.inject({ operation: 'write', nth: 1, path: '.wal', code: 'DISK_IO' })
  const isTold = async (): Promise<boolean> =>
    (await gateway.exchanges()).some(({ text }) => text.includes('fold-interrupted'))
  await waitFor(isTold)
  await waitFor(async () => (await ben.run(1, 1, '/bytes/1')).has(401))
  assert.deepEqual(await ben.run(19, 2, '/bytes/1'), new Map([[401, 19]]))
  await gateway.close()
  const byIndex = new Map([...before, ...(await gateway.exchanges())].map((r) => [r.index, r]))
  const records = [...byIndex.values()]
  const { whole, folded } = countsOf(records)
  const gap = records.find(({ kind, text }) => kind === 'gap' && /fold-interrupted/.test(text))
  assert.match(gap?.text ?? '', /"unrecordedMax":10000/)
  assert.equal(records.find(({ index }) => index === gap?.when.about?.index)?.what.act, 'open')
  assert.equal(whole + folded, 40)
})

test('no more is answered than the bound names before a tally is durable', async (t) => {
  const gateway = await open({ refusalsWholeMax: 1, foldUntalliedMax: 7 })
  t.after(gateway.close)
  const ben = new Load(gateway.port)
  t.after(() => ben.close())
  assert.deepEqual(await ben.run(50, 4, '/bytes/1'), new Map([[401, 50]]))
  const tallied = countsOf(await gateway.exchanges()).tally.at(-1)?.what.count ?? 0
  assert.ok(tallied >= 49 - 7, `${tallied}`)
})

// Quotas in a configuration: the example is one, and mistakes are told with path, line and a guess.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/gateway/src/config/index.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../examples/quotas.yaml'), 'utf8')

function configuration(quotas: string, names: string): Uint8Array {
  return new TextEncoder().encode(`${quotas}
version: 1
identity: { keysFile: keys.yaml }
policies: { directory: policies }
listeners: [{ name: main, port: 0 }]
upstreams: { orders: { url: "http://127.0.0.1:1" } }
routes: [{ name: orders, path: /orders, upstream: orders, quotas: [${names}] }]
`)
}

test('the example is a configuration; its password is beside the file', () => {
  const names = 'caller, tenant-month, network-at-once, upstream'
  const config = parseConfig('/etc/countersign/gateway.yaml', configuration(EXAMPLE, names))
  assert.equal(Object.keys(config.quotas).length, 4)
  const { quotaStore } = config
  assert.ok(quotaStore.kind === 'redis' && quotaStore.password !== undefined)
  assert.deepEqual(quotaStore.password, { file: '/etc/countersign/redis-password' })
})

for (const [name, quotas, names, want] of [
  [
    'a name that is not there',
    EXAMPLE,
    'callers',
    /routes\[0\]\.quotas\[0\].*did you mean caller\?/,
  ],
  ['a quota twice', EXAMPLE, 'caller, caller', /routes\[0\]\.quotas\[1\].*counts once already/],
  [
    'a window that is no window',
    'quotas: { q: { key: route, limit: 1, window: 60 } }',
    'q',
    /quotas\.q\.window/,
  ],
  ['an unknown key', 'quotas: { q: { key: user, concurrency: 1 } }', 'q', /quotas\.q\.key/],
  [
    'a misspelt setting',
    'quotas: { q: { key: route, concurency: 1 } }',
    'q',
    /concurency.*did you mean concurrency\?/s,
  ],
] as const) {
  test(`${name} is refused where it stands`, () => {
    assert.throws(() => parseConfig('/gateway.yaml', configuration(quotas, names)), want)
  })
}

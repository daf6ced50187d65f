import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RouteConfig, routeSchema } from './proxy-config.ts'
import { RouteTable } from './route-table.ts'

const route = (path: string, hosts?: readonly string[]): RouteConfig => {
  const name = path.replace(/[^a-z]/g, '') || 'all'
  return routeSchema.parse({
    name: `r${name}`,
    path,
    upstream: 'demo',
    ...(hosts ? { hosts } : {}),
  })
}
const table = new RouteTable(
  ['/', '/orders', '/orders/{id}', '/orders/export', '/orders/{id}/lines', '/{any}/lines'].map(
    (path) => route(path),
  ),
)

for (const [path, want, why] of [
  ['/', '/', 'everything is below the root'],
  ['/ordersX', '/', 'a prefix ends at a segment'],
  ['/orders', '/orders', 'itself'],
  ['/orders/', '/orders', 'a parameter is not empty'],
  ['/orders/7', '/orders/{id}', 'a parameter is any segment'],
  ['/orders/export', '/orders/export', 'what is said comes before what is left open'],
  ['/orders/exports', '/orders/{id}', 'a parameter is a whole segment'],
  ['/orders/7/notes', '/orders/{id}', 'a pattern is a prefix too'],
  ['/orders/7/lines/1', '/orders/{id}/lines', 'the longest wins'],
  ['/orders/lines', '/orders/{id}', 'the first segment that differs decides'],
  ['/bills/lines', '/{any}/lines', 'a parameter may come first'],
] as const) {
  test(`${path} is ${want}: ${why}`, () => {
    assert.equal(table.find('api.example', path)?.path, want)
  })
}

test('a route that names the host comes first', () => {
  const both = new RouteTable([route('/orders/{id}'), route('/orders', ['api.example'])])
  assert.equal(both.find('api.example', '/orders/7')?.path, '/orders')
  assert.equal(both.find('other.example', '/orders/7')?.path, '/orders/{id}')
})

for (const [path, why] of [
  ['/orders/{id', 'an open brace'],
  ['/orders/x{id}', 'a parameter that is half a segment'],
  ['/orders/{}', 'a parameter without a name'],
  ['/{id}/lines/{id}', 'one name twice'],
] as const) {
  test(`${path} is no path of a route: ${why}`, () => {
    assert.throws(() => route(path), /is not a plain path|twice/)
  })
}

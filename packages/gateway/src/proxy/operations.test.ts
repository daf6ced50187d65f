import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Operation,
  operationOf,
  operationSchema,
  operationsFault,
  patternOf,
} from './operations.ts'

const operations: readonly Operation[] = [
  { name: 'list', methods: ['GET'], path: '/orders' },
  { name: 'mine', methods: ['GET'], path: '/orders/mine' },
  { name: 'read', methods: ['GET', 'HEAD'], path: '/orders/{id}' },
  { name: 'cancel', methods: ['POST'], path: '/orders/{id}/cancel' },
]
const route = { path: '/orders', operations }

const CASES: readonly (readonly [string, string, string | undefined])[] = [
  ['GET', '/orders', 'list'],
  ['GET', '/orders/', undefined],
  ['GET', '/orders/7', 'read'],
  ['HEAD', '/orders/7', 'read'],
  ['GET', '/orders/mine', 'mine'],
  ['HEAD', '/orders/mine', 'read'],
  ['POST', '/orders/7/cancel', 'cancel'],
  ['POST', '/orders//cancel', undefined],
  ['POST', '/orders/7/cancel/', undefined],
  ['POST', '/orders/7/Cancel', undefined],
  ['POST', '/orders/7%2Fcancel', undefined],
  ['DELETE', '/orders/7', undefined],
  ['GET', '/orders/7/cancel', undefined],
]
for (const [method, path, name] of CASES) {
  test(`${method} ${path} is ${name ?? 'no operation'}`, () => {
    assert.equal(operationOf(route, method, path)?.name, name)
  })
}

test('parameters stand where the operation says', () => {
  assert.equal(patternOf(route, 'cancel'), '/orders/{id}/cancel')
  assert.equal(patternOf(route, undefined), '/orders')
})

test('an operation is below its route, and a name is one path', () => {
  assert.equal(operationsFault(route), undefined)
  const [list] = operations
  assert.ok(list !== undefined)
  assert.equal(operationsFault({ path: '/orders/7', operations: [list] })?.[0], 0)
  assert.equal(operationsFault({ path: '/order', operations: [list] })?.[0], 0)
  assert.equal(operationsFault({ path: '/', operations }), undefined)
  const twice = [list, { ...list, path: '/orders/all' }]
  assert.equal(operationsFault({ path: '/orders', operations: twice })?.[0], 1)
  const further = [list, { ...list, methods: ['HEAD' as const] }]
  assert.equal(operationsFault({ path: '/orders', operations: further }), undefined)
})

for (const path of ['orders', '/a//b', '/{a}/{a}', '/a%20b', '/a?b']) {
  test(`${path} is no path of an operation`, () => {
    assert.equal(operationSchema.safeParse({ name: 'a', methods: ['GET'], path }).success, false)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Orders } from './orders.ts'

for (const [method, path, body, status, why] of [
  ['GET', '/orders', '', 200, 'the list is there'],
  ['GET', '/orders/7', '', 200, 'there are twelve orders to begin with'],
  ['GET', '/orders/13', '', 404, 'there are only twelve'],
  ['GET', '/orders/7/items', '', 404, 'an order has no parts'],
  ['GET', '/', '', 404, 'there is nothing but orders'],
  ['POST', '/orders', '{"item":"lamp","quantity":2}', 201, 'a draft becomes an order'],
  ['POST', '/orders', '{"item":"lamp"}', 400, 'a quantity is missing'],
  ['POST', '/orders', '{"item":"lamp","quantity":1.5}', 400, 'half a lamp is none'],
  ['POST', '/orders', 'lamp', 400, 'that is no JSON'],
  ['PATCH', '/orders/7', '', 405, 'orders are not changed'],
  ['DELETE', '/orders/7', '', 200, 'an order is dropped'],
] as const) {
  test(`${method} ${path} ${body} is ${status}: ${why}`, () => {
    assert.equal(new Orders().answer({ method, path, body }).status, status)
  })
}

test('what was dropped is gone, and its number is not given again', () => {
  const orders = new Orders()
  orders.answer({ method: 'DELETE', path: '/orders/12', body: '' })
  assert.equal(orders.answer({ method: 'GET', path: '/orders/12', body: '' }).status, 404)
  const body = '{"item":"lamp","quantity":1}'
  assert.deepEqual(orders.answer({ method: 'POST', path: '/orders', body }).body, {
    id: 13,
    item: 'lamp',
    quantity: 1,
  })
})

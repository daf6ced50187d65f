import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FieldRules, fieldRulesSchema } from './field-rules.ts'
import { pathRewriteSchema, rewritePath, unknownParameters } from './path-rewrite.ts'

describe('a path goes on', () => {
  const rows = [
    ['stripped', { prefix: '/' }, '/api', '/api/orders/7', '/orders/7'],
    ['stripped of all', { prefix: '/' }, '/api', '/api', '/'],
    ['stripped, its last slash kept', { prefix: '/' }, '/api', '/api/', '/'],
    ['under another prefix', { prefix: '/v2/shop' }, '/api', '/api/orders/', '/v2/shop/orders/'],
    ['under another prefix alone', { prefix: '/v2/' }, '/api', '/api', '/v2'],
    ['with a prefix before it', { prefix: '/v2' }, '/', '/orders', '/v2/orders'],
    ['stripped of a parameter', { prefix: '/' }, '/t/{tenant}', '/t/acme/orders', '/orders'],
    ['by a template', { template: '/{id}/of/{tenant}' }, '/t/{tenant}/{id}', '/t/a/7', '/7/of/a'],
    ['by a template without the rest', { template: '/x' }, '/t/{id}', '/t/7/more', '/x'],
    ['with escapes as they are', { template: '/x/{id}' }, '/t/{id}', '/t/a%20b', '/x/a%20b'],
  ] as const
  for (const [sentence, rewrite, route, path, expected] of rows) {
    test(sentence, () => {
      assert.equal(rewritePath(pathRewriteSchema.parse(rewrite), route, path), expected)
    })
  }

  for (const prefix of ['x', '/a//b', '/a/../b', '/a/./b', '/%2e', '/a?b', '/a b', '/{id}']) {
    test(`never under ${prefix}`, () => {
      assert.equal(pathRewriteSchema.safeParse({ prefix }).success, false)
    })
  }

  test('a template names parameters that the route has', () => {
    assert.deepEqual(unknownParameters({ template: '/{id}/{x}' }, '/t/{id}'), ['x'])
  })
})

describe('header fields', () => {
  test('are set in place of what came, look-alikes too, and removed', () => {
    const config = { set: { 'X-Tenant': 'acme' }, remove: ['X-Debug'] }
    const rules = new FieldRules(fieldRulesSchema.parse(config))
    const fields = [
      ['x-tenant', 'evil'],
      ['X_Tenant', 'evil'],
      ['X-TENANT', 'evil'],
      ['accept', '*/*'],
      ['x_debug', '1'],
    ] as const
    assert.deepEqual(rules.apply(fields), [
      ['accept', '*/*'],
      ['X-Tenant', 'acme'],
    ])
  })

  const fixed = [
    'Host',
    'content-length',
    'Transfer-Encoding',
    'Connection',
    'Countersign-Principal',
    'countersign-receipt',
    'X-Forwarded-For',
    'Forwarded',
    'X-Request-Id',
    'traceparent',
    'Sec-WebSocket-Accept',
    'a_b',
    'a b',
    '',
  ]
  for (const name of fixed) {
    test(`cannot be ${name || 'nothing'}`, () => {
      assert.equal(fieldRulesSchema.safeParse({ set: { [name]: 'x' } }).success, false)
      assert.equal(fieldRulesSchema.safeParse({ remove: [name] }).success, false)
    })
  }

  for (const value of ['a\r\nb', ' a', 'a ', 'ä', '\0']) {
    test(`cannot have the value ${JSON.stringify(value)}`, () => {
      assert.equal(fieldRulesSchema.safeParse({ set: { 'x-a': value } }).success, false)
    })
  }
})

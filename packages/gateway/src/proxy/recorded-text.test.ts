import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordedHeaders, recordedPath } from './recorded-text.ts'

const many = Array.from({ length: 33 }, (_, nth): [string, string] => ['X-Tenant', `t${nth}`])

test('a path is recorded without credentials, and whole', () => {
  const key = `cs_abcdefgh_${'A'.repeat(43)}`
  assert.deepEqual(recordedPath(`/orders/${key}/7`), { text: '/orders/[redacted]/7', isCut: false })
  assert.deepEqual(recordedPath('/orders/7'), { text: '/orders/7', isCut: false })
})

for (const [name, fields, values, isCut] of [
  ['those named, in lower case', [['X-Tenant', 'a']], { 'x-tenant': ['a'] }, false],
  ['none that the request lacks', [['X-Other', 'a']], {}, false],
  [
    'each value by itself, in order',
    [
      ['X-Tenant', 'b, c'],
      ['x-tenant', 'a'],
    ],
    { 'x-tenant': ['b, c', 'a'] },
    false,
  ],
  ['no credential', [['X-Tenant', 'Bearer abc']], { 'x-tenant': ['[redacted]'] }, false],
  ['32 values at most', many, { 'x-tenant': many.slice(0, 32).map(([, value]) => value) }, true],
  [
    '8192 characters at most',
    [['X-Tenant', 'a'.repeat(8193)]],
    { 'x-tenant': [`${'a'.repeat(8187)}[cut]`] },
    true,
  ],
] as const) {
  test(`of headers: ${name}`, () => {
    assert.deepEqual(recordedHeaders(fields, ['X-Tenant']), { values, isCut })
  })
}

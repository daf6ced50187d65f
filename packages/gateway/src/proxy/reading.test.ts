import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readAuthority } from './canonical-host.ts'
import { readTarget } from './canonical-path.ts'
import { readFraming } from './framing.ts'
import { routeSchema } from './proxy-config.ts'
import { RouteTable } from './route-table.ts'

const targetCharacters = [
  ...Array.from('/.%;\\?#&=aZ09-_~ 2eEfF5cC'),
  '%2e',
  '%2F',
  '%c3%a9',
  '..',
  '//',
]
const anyTarget = fc
  .array(fc.constantFrom(...targetCharacters), { maxLength: 12 })
  .map((parts) => `/${parts.join('')}`)

test('a path that is accepted has one spelling: reading it again changes nothing', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      const once = readTarget(target)
      if (!once.ok) return
      const { path, query } = once.value
      assert.deepEqual(readTarget(query === undefined ? path : `${path}?${query}`), once)
    }),
    { numRuns: 5000 },
  )
})

test('a path that is accepted is the same resource to a URL parser, decoded or not', () => {
  fc.assert(
    fc.property(anyTarget, (target) => {
      const read = readTarget(target)
      if (!read.ok) return
      const { path } = read.value
      const parsed = new URL(path, 'http://gateway.example')
      assert.deepEqual([parsed.host, parsed.pathname], ['gateway.example', path])
      for (const segment of path.slice(1).split('/')) {
        const decoded = decodeURIComponent(segment)
        assert.ok(!['.', '..'].includes(decoded) && !/[/\\;\0]/.test(decoded), segment)
      }
    }),
    { numRuns: 5000 },
  )
})

test('a host that is accepted is the same host to a URL parser, once it is a name', () => {
  const characters = fc.constantFrom(...Array.from('aZ-._1[]:@/ %é,'))
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 10 }), (value) => {
      const read = readAuthority(value)
      if (!read.ok) return
      assert.deepEqual(readAuthority(read.value.host).ok, true)
      assert.equal(read.value.host, read.value.host.toLowerCase())
      assert.doesNotMatch(read.value.host, /[@/ %,]/)
    }),
    { numRuns: 5000 },
  )
})

for (const [value, host, port] of [
  ['API.example', 'api.example', undefined],
  ['api.example.:8080', 'api.example', 8080],
  ['[::1]:80', '[::1]', 80],
  ['127.0.0.1', '127.0.0.1', undefined],
] as const) {
  test(`host ${value} is ${host}`, () => {
    assert.deepEqual(readAuthority(value), { ok: true, value: { host, port } })
  })
}

const table = new RouteTable(
  [
    { name: 'root', path: '/' },
    { name: 'orders', path: '/orders' },
    { name: 'bills', path: '/orders/bills/' },
    { name: 'named', path: '/', hosts: ['API.example'] },
    { name: 'named-orders', path: '/orders/x', hosts: ['api.example', 'b.example'] },
  ].map((route) => routeSchema.parse({ upstream: 'u', ...route })),
)

for (const [host, path, want] of [
  ['x', '/', 'root'],
  ['x', '/orders', 'orders'],
  ['x', '/orders/', 'orders'],
  ['x', '/orders/7', 'orders'],
  ['x', '/ordersX', 'root'], // a prefix ends where a segment ends
  ['x', '/orders/bills', 'bills'],
  ['x', '/orders/bills/1', 'bills'],
  ['x', '/ORDERS', 'root'], // a path has case
  ['api.example', '/orders', 'named'], // who names the host comes first
  ['api.example', '/orders/x/1', 'named-orders'],
  ['b.example', '/orders', 'orders'], // no route of its own covers it
  ['constructor', '/', 'root'],
] as const) {
  test(`${host} ${path} goes to ${want}`, () => assert.equal(table.find(host, path)?.name, want))
}

test('without a route that covers it there is none', () => {
  const orders = new RouteTable([
    routeSchema.parse({ name: 'o', path: '/orders', upstream: 'u', hosts: ['a.example'] }),
  ])
  assert.equal(orders.find('a.example', '/'), undefined)
  assert.equal(orders.find('b.example', '/orders'), undefined)
})

for (const [name, fields, want] of [
  ['nothing is no body', [], { bytes: 0 }],
  ['a length', [['Content-Length', '12']], { bytes: 12 }],
  ['chunked, however spelled', [['TRANSFER-encoding', 'ChunKed']], { bytes: undefined }],
  [
    'chunked and a byte that only JavaScript takes for a space',
    [['transfer-encoding', 'chunked\xa0']],
    { refused: 'coding-refused' },
  ],
  ['a hexadecimal length', [['content-length', '0x4']], { refused: 'malformed-request' }],
  [
    'a length in two lines',
    [
      ['content-length', '4'],
      ['content-length', '4'],
    ],
    { refused: 'malformed-request' },
  ],
  ['a length in one list', [['content-length', '4, 4']], { refused: 'malformed-request' }],
  [
    'a length that is no safe number',
    [['content-length', '9999999999999999']],
    { refused: 'malformed-framing' },
  ],
  ['a length with a zero before it', [['content-length', '04']], { refused: 'malformed-framing' }],
  [
    'a length that no number holds',
    [['content-length', '18446744073709551616']],
    { refused: 'malformed-request' },
  ],
  ['chunked twice', [['transfer-encoding', 'chunked, chunked']], { refused: 'malformed-request' }],
  [
    'both',
    [
      ['content-length', '4'],
      ['transfer-encoding', 'chunked'],
    ],
    { refused: 'malformed-request' },
  ],
  ['identity', [['transfer-encoding', 'identity']], { refused: 'coding-refused' }],
] as const) {
  test(`framing: ${name}`, () => assert.deepEqual(readFraming(fields), want))
}

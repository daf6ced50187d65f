import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from './config-error.ts'
import { parseConfig } from './parse-config.ts'

const GOOD = `version: 1
identity: {keysFile: keys.yaml}
policies: {directory: /etc/policies}
listeners:
  - {name: main, port: 8080}
upstreams:
  orders: {url: 'http://127.0.0.1:9081'}
routes:
  - {name: orders, path: /orders, upstream: orders}
`

const parse = (text: string): ReturnType<typeof parseConfig> =>
  parseConfig('/etc/countersign/gateway.yaml', new TextEncoder().encode(text))

const replaced = (from: string | RegExp, to: string): string => {
  const text = GOOD.replace(from, to)
  assert.notEqual(text, GOOD, 'the row changes nothing')
  return text
}

test('paths are read from the directory of the file, absolute ones as they are', () => {
  const config = parse(replaced('port: 8080', 'port: 1, tls: {certificate: a.pem, key: ../k.pem}'))
  assert.equal(config.data, '/etc/countersign/data')
  assert.equal(config.identity.keysFile, '/etc/countersign/keys.yaml')
  assert.equal(config.policies.directory, '/etc/policies')
  assert.equal(config.listeners[0]?.tls?.certificate, '/etc/countersign/a.pem')
  assert.equal(config.listeners[0]?.tls?.key, '/etc/k.pem')
})

test('what is left out has its default', () => {
  const { admin, ledger, gateway } = parse(GOOD)
  assert.deepEqual({ host: admin.host, port: admin.port }, { host: '127.0.0.1', port: 9080 })
  assert.equal(ledger.publishEveryMs, 1000)
  assert.equal(gateway, 'gateway')
})

const FIRST = 'would get every request: one route, or two paths'

for (const [name, text, ...want] of [
  [
    'more workers than there may be',
    `${GOOD}workers: 65\n`,
    '10: workers: too big: expected number to be <=64',
  ],
  [
    'two routes of one place',
    `${GOOD}  - {name: again, path: /orders/, upstream: orders}\n`,
    `10: routes[1].path: is where orders is, which ${FIRST}`,
  ],
  [
    'routes of one place by other parameters, at hosts of other case',
    `${GOOD}  - {name: a, path: '/x/{a}', upstream: orders, hosts: [a.example]}
  - {name: b, path: '/x/{b}', upstream: orders, hosts: [b.example, a.example]}\n`,
    `11: routes[2].path: is where a is, which ${FIRST}`,
  ],
  [
    'a key that is a number',
    `${GOOD}quotas: {1: {}}\n`,
    '10: 1 is no key: write a name, in quotes if need be',
  ],
  [
    'a key that hides',
    `${GOOD}quotas: {__proto__: {}}\n`,
    '10: __proto__ is no key: write a name, in quotes if need be',
  ],
  [
    'another YAML',
    `%YAML 1.1\n---\n${GOOD}`,
    '1: %YAML 1.1: it is read as 1.2, leave the line out',
  ],
  [
    'a network that is none',
    replaced(
      "{url: 'http://127.0.0.1:9081'}",
      "{url: 'https://10.1.2.3', egress: {}, addresses: {allow: [10.0.0.0/33]}}",
    ),
    '7: upstreams.orders.addresses.allow[0]: is not an address, nor a network as in 10.0.0.0/8',
    '7: upstreams.orders.url: is a private address; if it is meant, list it in addresses.allow',
  ],
  ['a key nobody knows', `${GOOD}gatway: a\n`, '10: gatway: unknown key (did you mean gateway?)'],
  [
    'a key nobody knows, deep inside',
    replaced('port: 8080', 'prot: 8080'),
    '5: listeners[0].port: is missing (expected: number)',
    '5: listeners[0].prot: unknown key (did you mean port?)',
  ],
  ['a key written twice', `${GOOD}version: 1\n`, '10: version is written twice: leave one of them'],
  [
    'a name of what there is none of',
    replaced('upstream: orders}', 'upstream: orders, quotas: [few]}'),
    '9: routes[0].quotas[0]: no quota is called few (there is none)',
  ],
  [
    'a section left out',
    replaced(/^identity.*\n/m, ''),
    '1: identity: is missing (expected: object)',
  ],
  ['a port that is none', replaced('8080', '65536'), '5: listeners[0].port: too big'],
  [
    'a number as text',
    replaced('8080', '"8080"'),
    '5: listeners[0].port: invalid input: expected number',
  ],
  [
    'another version',
    replaced('version: 1', 'version: 2'),
    '1: version: invalid input: expected 1',
  ],
  [
    'a route to nowhere',
    replaced('upstream: orders', 'upstream: ordrs'),
    '9: routes[0].upstream: no upstream is called ordrs (did you mean orders?)',
  ],
  [
    'two listeners of one name',
    replaced('- {name: main, port: 8080}', '- {name: a, port: 1}\n  - {name: a, port: 2}'),
    '6: listeners[1].name: a second "a" in listeners',
  ],
  [
    'an admin port open to the world',
    `${GOOD}admin: {host: 0.0.0.0}\n`,
    '10: admin.host: 0.0.0.0 can be reached',
  ],
  [
    'an admin port at a name',
    `${GOOD}admin: {host: localhost.example}\n`,
    '10: admin.host: localhost.example can be',
  ],
  ['an alias, which could be a bomb', `${GOOD}admin: &a {port: 1}\nlog: *a\n`, '11: alias *a'],
  ['a tag', replaced('main', '!secret main'), 'tag'],
  ['a second document', `${GOOD}---\nversion: 1\n`, 'multiple documents'],
  ['an empty file', '', 'gateway.yaml: the file is empty'],
  ['a list', '- 1\n', '1: invalid input: expected object'],
  [
    'a prototype',
    `${GOOD}__proto__: {admin: {host: 0.0.0.0}}\n`,
    '10: __proto__ is no key: write a name, in quotes if need be',
  ],
] as const) {
  test(`${name} is refused, with its place`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error))
        for (const part of want) assert.ok(error.message.includes(part), error.message)
        return true
      },
    )
  })
}

const MANY = 30_000
const times = (line: (index: number) => string): string => {
  return GOOD + Array.from({ length: MANY }, (_, index) => line(index)).join('')
}
for (const [name, text, want] of [
  ['unknown keys', times((index) => `key${index}: 1\n`), '10: key0: unknown key'],
  ['keys written twice', times(() => 'key: 1\n'), '11: key is written twice'],
  ['items of another kind', times(() => '  - 1\n'), '10: routes[1]: invalid input'],
] as const) {
  test(`of very many ${name} the first are told, the rest counted, in good time`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error))
        const lines = error.message.split('\n')
        assert.equal(lines.length, 100)
        assert.equal(error.problems.length, 100)
        assert.ok(lines[0]?.includes(want), error.message)
        assert.match(lines[99] ?? '', /: 29\d{3} more problems: mend these first$/)
        return true
      },
    )
  })
}

test('where very many names are known, as many as one reads are told', () => {
  const many = Array.from({ length: 3000 }, (_, index) => `  u${index}: {url: 'http://a'}\n`)
  const route = '  - {name: other, path: /other, upstream: elsewhere}\n'
  const text = `${replaced('routes:', `${many.join('')}routes:`)}${route}`
  assert.throws(() => parse(text), /known: orders, u0, [u\d, ]+ and 2981 more\)$/)
})

test('an admin port open to the world is taken with TLS', () => {
  const tls = 'tls: {certificate: a.pem, key: b.pem}'
  assert.equal(parse(`${GOOD}admin: {host: 0.0.0.0, ${tls}}\n`).admin.host, '0.0.0.0')
})

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => parseConfig('a.yaml', Uint8Array.of(0xff)), { code: 'CONFIG_SYNTAX' })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressFault, addressKind } from './address-rules.ts'
import { upstreamSchema } from './upstream-config.ts'

function problemsOf(config: object): readonly string[] {
  const { error } = upstreamSchema.safeParse(config)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('an upstream', () => {
  for (const url of [
    'http://127.0.0.1:8080',
    'https://api.internal',
    'http://[::1]:80',
    'http://a',
  ]) {
    test(`${url} is a target`, () => assert.deepEqual(problemsOf({ url }), []))
  }

  const odd = [
    ['H72 127.1', 'http://127.1'],
    ['H72 hexadecimal', 'http://0x7f000001'],
    ['H72 one number', 'http://2130706433'],
    ['H72 octal', 'http://017700000001'],
    ['H72 octal parts', 'http://0177.0.0.1'],
    ['H72 an escaped letter', 'http://%61pi'],
    ['H72 full-width letters', 'http://ａpi'],
    ['H72 a last label that is a number', 'http://api.1'],
    ['upper case', 'http://API'],
    ['a dot behind', 'http://api.'],
    ['a user', 'http://a@api'],
    ['a path', 'http://api/v1'],
    ['a long form of an address', 'http://[0:0:0:0:0:0:0:1]'],
    ['another scheme', 'ftp://api'],
    ['port 0', 'http://api:0'],
    ['no host', 'http://'],
  ] as const
  for (const [what, url] of odd) {
    test(`is not said with ${what}`, () => {
      const [problem = ''] = problemsOf({ url })
      assert.match(problem, /^url: /)
    })
  }

  const blocked = [
    ['http://169.254.169.254', 'metadata'],
    ['http://169.254.1.1', 'link-local'],
    ['http://0.0.0.0', 'unspecified'],
    ['http://[::]', 'unspecified'],
    ['http://[fe80::1]', 'link-local'],
    ['http://224.0.0.1', 'multicast'],
    ['http://[ff02::1]', 'multicast'],
    ['http://255.255.255.255', 'reserved'],
    ['http://[::ffff:7f00:1]', 'mapped'],
    ['http://[64:ff9b::a9fe:a9fe]', 'mapped'],
    ['http://[2002:7f00:1::]', 'mapped'],
    ['http://[fd00:ec2::254]', 'metadata'],
  ] as const
  for (const [url, kind] of blocked) {
    test(`H72 ${url} is ${kind}, unless it is allowed by name`, () => {
      const address = new URL(url).hostname.replace(/[[\]]/g, '')
      assert.match(problemsOf({ url })[0] ?? '', new RegExp(`^url: is a ${kind} address`))
      assert.deepEqual(problemsOf({ url, addresses: { allow: [address] } }), [])
    })
  }

  test('has private and loopback addresses, unless that is turned off', () => {
    const addresses = { private: false }
    assert.deepEqual(problemsOf({ url: 'http://10.1.2.3' }), [])
    assert.equal(problemsOf({ url: 'http://10.1.2.3', addresses }).length, 1)
    assert.equal(problemsOf({ url: 'http://127.0.0.1', addresses }).length, 1)
    assert.deepEqual(problemsOf({ url: 'http://8.8.8.8', addresses }), [])
  })

  const egress = {}
  const named = { name: 'a', secret: { env: 'A' } }
  const outside = [
    ['is not on this machine', { url: 'https://127.0.0.1', egress }, 'is a loopback address'],
    ['is on no network of ours', { url: 'https://10.1.2.3', egress }, 'is a private address'],
    ['is reached by https', { url: 'http://api.example', egress }, 'needs https'],
    ['is not told our name', { url: 'https://a.example', egress, host: 'asked' }, 'nobody else'],
    [
      'has no credential in a field of the framing',
      { credential: { ...named, scheme: 'header', header: 'Content-Length' } },
      'carries no credential',
    ],
    [
      'has no credential in a cookie',
      { credential: { ...named, scheme: 'header', header: 'cookie' } },
      'carries no credential',
    ],
    ['has a user name with basic', { credential: { ...named, scheme: 'basic' } }, 'username'],
    [
      'has no secret in the configuration',
      { credential: { ...named, scheme: 'bearer', secret: 'abc' } },
      'secret',
    ],
  ] as const
  for (const [what, config, problem] of outside) {
    test(`a service of somebody else ${what}`, () => {
      const whole = 'credential' in config ? { url: 'https://a.example', egress: config } : config
      assert.match(problemsOf(whole).join(), new RegExp(problem))
    })
  }

  test('a service of somebody else is on a network of ours where that is said', () => {
    for (const [url, allow] of [
      ['https://10.1.2.3', '10.0.0.0/8'],
      ['https://127.0.0.1', '127.0.0.1'],
      ['https://[fd12::1]', 'fd12::/16'],
    ] as const) {
      assert.deepEqual(problemsOf({ url, egress, addresses: { allow: [allow] } }), [])
    }
    const wide = { allow: ['0.0.0.0/1', '128.0.0.0/1', '::/1'] }
    const metadata = problemsOf({ url: 'https://169.254.169.254', egress, addresses: wide })
    assert.match(metadata.join(), /is a metadata address/, 'no network opens it')
    const mapped = problemsOf({ url: 'https://[::ffff:7f00:1]', egress, addresses: wide })
    assert.match(mapped.join(), /is a mapped address/)
  })

  for (const allow of ['10.0.0.0/33', '10.0.0.0/0', '10.0.0.0/08', '10.0.0/8', '::/129', 'a/8']) {
    test(`allows no network ${allow}`, () => {
      assert.match(
        problemsOf({ url: 'https://a', addresses: { allow: [allow] } }).join(),
        /network/,
      )
    })
  }

  test('has url or targets, of one scheme', () => {
    assert.deepEqual(problemsOf({}), [': has either url or targets'])
    assert.equal(problemsOf({ url: 'http://a', targets: [{ url: 'http://b' }] }).length, 1)
    const mixed = [{ url: 'http://a' }, { url: 'https://b' }]
    assert.deepEqual(problemsOf({ targets: mixed }), ['targets: mixes http and https'])
    assert.deepEqual(problemsOf({ targets: [{ url: 'http://a', weight: 3 }] }), [])
  })

  for (const suite of ['ALL', 'AES128-SHA', 'DHE-RSA-AES128-GCM-SHA256', 'ECDHE-X@SECLEVEL=0']) {
    test(`takes no suite ${suite}`, () => {
      const problems = problemsOf({ url: 'https://a', tls: { suites: [suite] } })
      assert.match(problems.join(), /not a suite/)
    })
  }

  test('takes no switch that turns verification off', () => {
    const tls = { rejectUnauthorized: false }
    assert.match(problemsOf({ url: 'https://a', tls }).join(), /rejectUnauthorized/)
  })
})

test('addresses have one kind however they are spelled', () => {
  const spellings = ['::ffff:127.0.0.1', '::FFFF:7F00:1', '0:0:0:0:0:ffff:7f00:1']
  for (const address of spellings) assert.equal(addressKind(address), 'mapped')
  assert.equal(addressKind('2606:4700::1'), 'public')
  for (const nowhere of ['198.18.0.1', '192.0.2.1', '203.0.113.9', '2001:db8::1', '5f00::1']) {
    assert.equal(addressKind(nowhere), 'private', nowhere)
  }
  assert.equal(addressKind('2001::1'), 'mapped', 'Teredo: an address of IPv4 in other words')
  assert.equal(addressKind('not one'), 'reserved')
  const rules = { private: true, allow: ['fe80:0::1'] }
  assert.equal(addressFault('fe80::1', rules), undefined)
  assert.equal(addressFault('fe80::2', rules), 'link-local')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ForwardedConfig, ForwardedTrust } from './forwarded.ts'

const PEER = '10.0.0.1'
const BY_NETWORK = { trusted: ['10.0.0.0/8', '2001:db8:ffff::/48'] }
const BY_HOPS = { hops: 2 }

type Trust = Omit<ForwardedConfig, 'header'>

function told(
  header: ForwardedConfig['header'],
  trust: Trust,
  values: readonly string[],
  peer = PEER,
): string {
  const fields = values.map((value) => [header, value] as const)
  const source = new ForwardedTrust({ header, ...trust }).source(peer, fields)
  if (source === undefined) return 'the peer'
  return source === 'malformed' ? source : [source.address, ...source.proxies].join(' < ')
}

for (const [trust, values, want, why] of [
  [BY_NETWORK, ['192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'one proxy says where it came from'],
  [BY_NETWORK, ['192.0.2.7, 10.0.0.2'], '192.0.2.7 < 10.0.0.2 < 10.0.0.1', 'two proxies'],
  [BY_NETWORK, ['127.0.0.1, 192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'what a client made up is left'],
  [BY_NETWORK, ['10.9.9.9, 192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'nor may it name a trusted one'],
  [BY_NETWORK, ['x, 192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'what is left is not even read'],
  [BY_NETWORK, ['127.0.0.1', '192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'several lines are one list'],
  [BY_NETWORK, ['192.0.2.7:4711'], '192.0.2.7 < 10.0.0.1', 'a port is left out'],
  [BY_NETWORK, ['[2001:DB8::1]:4711'], '2001:db8::1 < 10.0.0.1', 'IPv6 with a port'],
  [BY_NETWORK, ['2001:DB8:0::1'], '2001:db8::1 < 10.0.0.1', 'IPv6 has one spelling'],
  [BY_NETWORK, ['::ffff:192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'IPv4 in IPv6 is IPv4'],
  [BY_NETWORK, ['10.0.0.3, 10.0.0.2'], '10.0.0.3 < 10.0.0.2 < 10.0.0.1', 'a proxy asks itself'],
  [BY_NETWORK, [], 'the peer', 'the proxy says nothing'],
  [BY_NETWORK, ['192.0.2.7, unknown'], 'the peer', 'the proxy hides it'],
  [BY_NETWORK, ['192.0.2.7, x'], 'malformed', 'the proxy says what is no address'],
  [BY_NETWORK, ['192.0.2.7,'], 'malformed', 'the proxy says nothing after a comma'],
  [BY_NETWORK, ['fe80::1%lo'], 'malformed', 'a zone is local'],
  [BY_NETWORK, [Array(65).fill('192.0.2.7').join()], 'malformed', 'too long to be true'],
  [BY_HOPS, ['192.0.2.7, 198.51.100.1'], '192.0.2.7 < 198.51.100.1 < 10.0.0.1', 'two hops'],
  [BY_HOPS, ['1.1.1.1, 192.0.2.7, 198.51.100.1'], '192.0.2.7 < 198.51.100.1 < 10.0.0.1', 'no 3rd'],
  [BY_HOPS, ['192.0.2.7'], 'the peer', 'a proxy was passed by'],
] as const) {
  test(`X-Forwarded-For, ${why}: ${want}`, () => {
    assert.equal(told('x-forwarded-for', trust, values), want)
  })
}

for (const [values, want, why] of [
  [['for=192.0.2.7;proto=https'], '192.0.2.7 < 10.0.0.1', 'one proxy'],
  [['For="[2001:db8::1]:4711"'], '2001:db8::1 < 10.0.0.1', 'IPv6, quoted, with a port'],
  [['for=127.0.0.1, for=192.0.2.7;by=10.0.0.1'], '192.0.2.7 < 10.0.0.1', 'what a client made up'],
  [['for="127.0.0.1, for=1.1.1.1", for=192.0.2.7'], '192.0.2.7 < 10.0.0.1', 'a comma in quotes'],
  [['for=192.0.2.7, proto=https'], 'the peer', 'an element without for'],
  [['for=192.0.2.7, for=_hidden'], 'the peer', 'a name that hides it'],
  [['for=192.0.2.7;for=1.1.1.1'], 'malformed', 'a member given twice'],
  [['for="192.0.2.7'], 'malformed', 'a quote that stays open'],
  [['192.0.2.7'], 'malformed', 'no pair at all'],
] as const) {
  test(`Forwarded, ${why}: ${want}`, () => {
    assert.equal(told('forwarded', BY_NETWORK, values), want)
  })
}

test('whoever is not trusted is where it came from, whatever they say', () => {
  assert.equal(told('x-forwarded-for', BY_NETWORK, ['127.0.0.1'], '192.0.2.99'), 'the peer')
  assert.equal(told('x-forwarded-for', BY_NETWORK, ['x'], '192.0.2.99'), 'the peer')
})

test('the other header is not looked at', () => {
  const trust = new ForwardedTrust({ header: 'forwarded', ...BY_NETWORK })
  assert.equal(trust.source(PEER, [['X-Forwarded-For', '127.0.0.1']]), undefined)
})

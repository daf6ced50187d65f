import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { USUAL_ALGORITHMS } from './algorithms.ts'
import { parseKeySet } from './key-set.ts'
import { readVerifyKey } from './verify-key.ts'
import { ed25519Weakness } from './weak-keys.ts'

const rules = { algorithms: USUAL_ALGORITHMS, rsaExponent: 'usual' } as const

function rsa(modulusLength: number, publicExponent = 0x10001): Record<string, unknown> {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent })
  return { ...publicKey.export({ format: 'jwk' }) }
}

function base64url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}

const usual = rsa(2048)
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ecJwk = ec.publicKey.export({ format: 'jwk' })
const edJwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })

/** A modulus as the faulty generator makes them: a power of 65537 modulo many small primes. */
function rocaModulus(): bigint {
  let primorial = 1n
  for (const prime of primesUpTo(167)) primorial *= BigInt(prime)
  let residue = 1n
  for (let step = 0; step < 1234; step += 1) residue = (residue * 65_537n) % primorial
  const n = (1n << 2047n) + 12_345n * primorial
  const marked = n - (n % primorial) + residue
  return marked % 2n === 1n ? marked : marked + primorial
}

function primesUpTo(max: number): readonly number[] {
  const all = Array.from({ length: max - 2 }, (_, at) => at + 3)
  return all.filter(
    (n) => !Array.from({ length: n - 2 }, (_, at) => at + 2).some((d) => n % d === 0),
  )
}

const pointOff = { ...ecJwk, y: ecJwk.x }

for (const [name, jwk, want] of [
  ['RSA of 2048 bits', usual, 'taken'],
  ['EC', ecJwk, 'taken'],
  ['Ed25519', edJwk, 'taken'],
  ['for signatures', { ...ecJwk, use: 'sig', key_ops: ['verify'] }, 'taken'],
  ['J05 of another curve than its algorithm', { ...ecJwk, alg: 'ES384' }, /no algorithm/],
  ['J06 for encryption', { ...ecJwk, use: 'enc' }, /not for signatures/],
  ['J06 whose operations leave out verify', { ...ecJwk, key_ops: ['sign'] }, /not for verifying/],
  ['J06 whose operations are no list', { ...ecJwk, key_ops: 'verify' }, /not for verifying/],
  ['J40 RSA of 1024 bits', rsa(1024), /1024 bits/],
  ['J40 RSA with exponent 1', { ...usual, e: base64url(1n) }, /exponent is 1/],
  ['J40 RSA with exponent 3, where 65537 is asked for', rsa(2048, 3), /3 is not 65537/],
  ['J40 RSA with an even exponent', { ...usual, e: base64url(65_536n) }, /exponent is 65536/],
  [
    'J40 RSA with the mark of the faulty generator',
    { ...usual, n: base64url(rocaModulus()) },
    /ROCA/,
  ],
  ['RSA of 16384 bits', { ...usual, n: base64url((1n << 16383n) + 1n) }, /16384 bits/],
  ['RSA with an even modulus', { ...usual, n: base64url(1n << 2047n) }, /even/],
  ['RSA with a modulus in another spelling', { ...usual, n: `${String(usual.n)}=` }, /well-formed/],
  ['J41 a secret', { kty: 'oct', k: 'AAAA' }, /kind that is not taken/],
  ['a private key', ec.privateKey.export({ format: 'jwk' }), /private part/],
  ['a point that is not on the curve', pointOff, /well-formed/],
  ['J39 Ed25519 of small order', { ...edJwk, x: base64url(1n << 248n) }, /small order/],
  ['with a kid that is a number', { ...ecJwk, kid: 1 }, /kid that is no string/],
  ['no object', 'key', /not an object/],
] as const) {
  test(`a key ${name}: ${want}`, () => {
    const reading = readVerifyKey(jwk, rules)
    if (want === 'taken') assert.ok(reading.ok, reading.ok ? '' : reading.why)
    else assert.match(reading.ok ? 'taken' : reading.why, want)
  })
}

test('J40 RSA with exponent 3, where any odd one will do', () => {
  assert.ok(readVerifyKey(rsa(2048, 3), { ...rules, rsaExponent: 'odd' }).ok)
})

for (const hex of [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  `00${'00'.repeat(30)}80`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
]) {
  test(`J39 the Ed25519 key ${hex.slice(0, 8)}…${hex.slice(-2)} is weak`, () => {
    assert.notEqual(ed25519Weakness(Buffer.from(hex, 'hex')), undefined)
  })
}

function set(keys: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ keys }))
}

test('a set of more than 100 keys, or no set, is refused whole', () => {
  assert.equal(parseKeySet(set(Array.from({ length: 101 }, () => ecJwk)), rules), undefined)
  assert.equal(parseKeySet(new TextEncoder().encode('{"keys":{}}'), rules), undefined)
  assert.equal(parseKeySet(new TextEncoder().encode('{"keys":[],"keys":[]}'), rules), undefined)
})

test('J09 a kid that occurs twice names no key, though one of them could not be used', () => {
  const read = parseKeySet(
    set([
      { ...ecJwk, kid: 'x' },
      { kty: 'oct', k: 'AA', kid: 'x' },
    ]),
    rules,
  )
  assert.deepEqual(read?.set.choose('ES256', 'x'), { ok: false, fault: 'key-ambiguous' })
})

test('J10 without a kid a few keys are tried, and no more', () => {
  const keys = (count: number): readonly unknown[] =>
    Array.from({ length: count }, (_, at) => ({ ...ecJwk, kid: `k${at}` }))
  const choice = (count: number) =>
    parseKeySet(set(keys(count)), rules)?.set.choose('ES256', undefined)
  assert.equal(choice(4)?.ok, true)
  assert.deepEqual(choice(5), { ok: false, fault: 'key-ambiguous' })
})

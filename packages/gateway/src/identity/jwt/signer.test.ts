// Held against jose, the oracle: whatever it takes is taken here, and nothing else.
import assert from 'node:assert/strict'
import { constants, createSecretKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { FlattenedSign, flattenedVerify } from 'jose'
import { ALGORITHM_NAMES, type Algorithm } from './algorithms.ts'
import { signerOf } from './signer.ts'
import type { VerifyKey } from './verify-key.ts'

interface Pair {
  readonly signWith: KeyObject
  readonly verifyWith: KeyObject
}

const rsa = (): Pair => pair(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const ec = (namedCurve: string): Pair => pair(generateKeyPairSync('ec', { namedCurve }))
const okp = (): Pair => pair(generateKeyPairSync('ed25519'))
const oct = (byte: number): Pair => {
  const key = createSecretKey(Buffer.alloc(64, byte))
  return { signWith: key, verifyWith: key }
}
const PAIRS = [rsa(), rsa(), ec('P-256'), ec('P-256'), ec('P-384'), ec('P-521'), okp(), okp()]
const ALL = [...PAIRS, oct(1), oct(2)]
const PAYLOAD = Buffer.from('{"iss":"https://login.example","sub":"ada","exp":1795248600}')

function pair(keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject }): Pair {
  return { signWith: keys.privateKey, verifyWith: keys.publicKey }
}

/** What a key that may be used with an algorithm looks like, whatever kind of key it is. */
function keyFor(key: KeyObject, algorithms: readonly Algorithm[]): VerifyKey {
  return { kid: undefined, identity: 'any', algorithms, key }
}

interface Signed {
  readonly algorithm: Algorithm
  readonly signingInput: string
  readonly signature: Uint8Array
}

async function signed(algorithm: Algorithm, key: KeyObject): Promise<Signed | undefined> {
  try {
    const jws = await new FlattenedSign(PAYLOAD).setProtectedHeader({ alg: algorithm }).sign(key)
    const signingInput = `${jws.protected}.${jws.payload}`
    return { algorithm, signingInput, signature: Buffer.from(jws.signature, 'base64url') }
  } catch {
    return undefined
  }
}

async function oracle({ algorithm, signingInput, signature }: Signed, key: KeyObject) {
  const [protectedPart = '', payload = ''] = signingInput.split('.')
  const text = Buffer.from(signature).toString('base64url')
  const jws = { protected: protectedPart, payload, signature: text }
  try {
    await flattenedVerify(jws, key, { algorithms: [algorithm] })
    return true
  } catch {
    return false
  }
}

async function agrees(token: Signed, key: KeyObject, what: string): Promise<boolean> {
  const wanted = await oracle(token, key)
  const found = signerOf(token, token.algorithm, [keyFor(key, [token.algorithm])])
  assert.equal(found !== undefined, wanted, `${token.algorithm}: ${what}`)
  return wanted
}

/** The numbers of the curves' groups: with s, n − s verifies as well. */
const ORDERS: { readonly [name: string]: bigint } = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
}

function changes({ algorithm, signature }: Signed): ReadonlyMap<string, Uint8Array> {
  const bytes = Buffer.from(signature)
  const half = bytes.length / 2
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ 1
    return copy
  }
  const order = ORDERS[algorithm]
  const s = BigInt(`0x${bytes.subarray(half).toString('hex') || '0'}`)
  const number = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
  return new Map([
    ['as signed', bytes],
    ['the first bit', flipped(0)],
    ['the middle', flipped(Math.floor(half))],
    ['the last bit', flipped(bytes.length - 1)],
    ['a byte more', Buffer.concat([bytes, Buffer.alloc(1)])],
    ['a byte before', Buffer.concat([Buffer.alloc(1), bytes])],
    ['a byte less', bytes.subarray(1)],
    ['cut', bytes.subarray(0, half)],
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(bytes.length)],
    ['ones', Buffer.alloc(bytes.length, 0xff)],
    ['twice', Buffer.concat([bytes, bytes])],
    ['in DER', Buffer.concat([Buffer.from([0x30, 0x44, 2, 32]), bytes])],
    ...(order === undefined
      ? []
      : ([
          ['the other s', Buffer.concat([bytes.subarray(0, half), number(order - s)])],
          [
            's and the order',
            Buffer.concat([bytes.subarray(0, half), number((order + s) % 2n ** 256n)]),
          ],
          ['r of zero', Buffer.concat([Buffer.alloc(half), bytes.subarray(half)])],
        ] as const)),
  ])
}

for (const algorithm of ALGORITHM_NAMES) {
  test(`${algorithm}: what jose takes, and nothing else`, async () => {
    let [good, bad] = [0, 0]
    for (const { signWith, verifyWith } of ALL) {
      const token = await signed(algorithm, signWith)
      if (token === undefined) continue
      for (const [what, signature] of changes(token)) {
        const isGood = await agrees({ ...token, signature }, verifyWith, what)
        if (isGood) good += 1
        else bad += 1
      }
      const changed = token.signingInput.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
      await agrees({ ...token, signingInput: changed }, verifyWith, 'another payload')
      for (const other of ALL) await agrees(token, other.verifyWith, 'another key')
      for (const name of ALGORITHM_NAMES) {
        if (name !== algorithm)
          assert.equal(signerOf(token, name, [keyFor(verifyWith, [algorithm])]), undefined)
      }
    }
    assert.ok(good > 0 && bad > 5, `${good} taken, ${bad} not`)
  })
}

test('ES256 with a key of another curve, and a signature of its length', async () => {
  const token = await signed('ES256', (PAIRS[2] as Pair).signWith)
  assert.ok(token !== undefined)
  const other = (PAIRS[4] as Pair).verifyWith
  for (const bytes of [64, 96]) {
    await agrees({ ...token, signature: Buffer.alloc(bytes, 1) }, other, `${bytes} bytes`)
  }
})

test('PS256 with a salt of another length', async () => {
  const { signWith, verifyWith } = PAIRS[0] as Pair
  const token = await signed('PS256', signWith)
  assert.ok(token !== undefined)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  for (const saltLength of [0, 20, 31, 32, 33, 64]) {
    const by = { key: signWith, padding, saltLength }
    const signature = sign('sha256', Buffer.from(token.signingInput), by)
    const isGood = await agrees({ ...token, signature }, verifyWith, `a salt of ${saltLength}`)
    assert.equal(isGood, saltLength === 32)
  }
})

test('the one key of several that signed is found', async () => {
  const [one, two] = [PAIRS[2] as Pair, PAIRS[3] as Pair]
  const token = await signed('ES256', two.signWith)
  assert.ok(token !== undefined)
  const keys = [one, two].map(({ verifyWith }) => keyFor(verifyWith, ['ES256']))
  assert.equal(signerOf(token, 'ES256', keys), keys[1])
  assert.equal(signerOf(token, 'ES256', []), undefined)
})

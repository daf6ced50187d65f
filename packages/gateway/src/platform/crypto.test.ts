import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { ed25519 as nobleEd25519 } from '@noble/curves/ed25519.js'
import { ml_dsa44 as nobleMlDsa44 } from '@noble/post-quantum/ml-dsa.js'
import { ed25519, mlDsa44, nodeSha256, type SeededAlgorithm } from './crypto.ts'

test('a digest equals the incremental one, for every length to 300 and beyond', () => {
  for (const length of [...Array(300).keys(), 4096, 65_536]) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 31 + length) & 0xff)
    const want = createHash('sha256').update(bytes).digest()
    assert.deepEqual(Buffer.from(nodeSha256.digest(bytes)), want)
    assert.deepEqual(Buffer.from(nodeSha256.digest(Buffer.from(bytes))), want)
  }
})

test('a digest is written in place, over its own input, and nowhere else', () => {
  const node = new Uint8Array(70).fill(7)
  const want = createHash('sha256').update(node.subarray(0, 65)).digest()
  nodeSha256.digestInto(node.subarray(0, 65), node, 33)
  assert.deepEqual(node.slice(0, 33), new Uint8Array(33).fill(7))
  assert.deepEqual(Buffer.from(node.slice(33, 65)), want)
  assert.deepEqual(node.slice(65), new Uint8Array(5).fill(7))
})

test('a view into larger memory is written at its own offset', () => {
  const memory = new Uint8Array(100)
  nodeSha256.digestInto(new Uint8Array(0), memory.subarray(10, 60), 8)
  assert.equal(Buffer.from(memory.slice(18, 22)).toString('hex'), 'e3b0c442')
  assert.equal(memory[17], 0)
  assert.equal(memory[50], 0)
})

test('a digest that does not fit is an error, not a cut', () => {
  assert.throws(() => nodeSha256.digestInto(new Uint8Array(1), new Uint8Array(40), 9), RangeError)
})

const seed = Uint8Array.from({ length: 32 }, (_, at) => at)
const message = Buffer.from('what is signed')

test('Ed25519 keys and signatures equal the pure implementation’s', () => {
  const signer = ed25519.signer(seed)
  assert.deepEqual(signer.publicKey, nobleEd25519.getPublicKey(seed))
  assert.deepEqual(signer.sign(message), nobleEd25519.sign(message, seed))
})

test('ML-DSA-44 keys equal the pure implementation’s, and each verifies the other', () => {
  const signer = mlDsa44.signer(seed)
  const pure = nobleMlDsa44.keygen(seed)
  assert.deepEqual(signer.publicKey, pure.publicKey)
  assert.ok(nobleMlDsa44.verify(signer.sign(message), message, pure.publicKey))
  assert.ok(mlDsa44.verify(signer.publicKey, message, nobleMlDsa44.sign(message, pure.secretKey)))
})

const algorithms: readonly [string, SeededAlgorithm][] = [
  ['Ed25519', ed25519],
  ['ML-DSA-44', mlDsa44],
]

for (const [name, algorithm] of algorithms) {
  test(`${name}: only the signature of this message by this key verifies`, () => {
    const { publicKey, sign } = algorithm.signer(seed)
    const signature = sign(message)
    assert.ok(algorithm.verify(publicKey, message, signature))
    assert.ok(!algorithm.verify(publicKey, Buffer.from('what is not'), signature))
    for (const at of [0, 31, 63, signature.length - 1]) {
      assert.ok(!algorithm.verify(publicKey, message, flipped(signature, at)), `byte ${at}`)
    }
    const other = algorithm.signer(new Uint8Array(32)).publicKey
    assert.ok(!algorithm.verify(other, message, signature))
  })

  test(`${name}: malformed keys and signatures are false, not a crash`, () => {
    const { publicKey, sign } = algorithm.signer(seed)
    const signature = sign(message)
    assert.ok(!algorithm.verify(new Uint8Array(0), message, signature))
    assert.ok(!algorithm.verify(publicKey.subarray(1), message, signature))
    assert.ok(!algorithm.verify(new Uint8Array(publicKey.length).fill(255), message, signature))
    assert.ok(!algorithm.verify(publicKey, message, new Uint8Array(0)))
    assert.ok(!algorithm.verify(publicKey, message, signature.subarray(1)))
    const longer = Buffer.concat([signature, new Uint8Array(1)])
    assert.ok(!algorithm.verify(publicKey, message, longer))
  })

  test(`${name}: a seed is 32 bytes`, () => {
    assert.throws(() => algorithm.signer(new Uint8Array(31)), RangeError)
  })
}

test('a signature scalar that is not reduced is refused (RFC 8032, strict)', () => {
  const { publicKey, sign } = ed25519.signer(seed)
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const signature = sign(message)
  const scalar = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`) + order
  const bytes = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
  const malleable = Buffer.concat([signature.subarray(0, 32), bytes])
  assert.ok(!ed25519.verify(publicKey, message, malleable))
})

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

const RSA_BITS_MIN = 2048
/** A larger one only costs whoever verifies. */
const RSA_BITS_MAX = 8192
const USUAL_EXPONENT = 65_537n

/** Which public exponents are taken: the usual one, or any odd one from 3 on. */
export type RsaExponent = 'usual' | 'odd'

/** Why an RSA key is not used; undefined for one that is. */
export function rsaWeakness(n: bigint, e: bigint, exponent: RsaExponent): string | undefined {
  const bits = n.toString(2).length
  if (bits < RSA_BITS_MIN) return `the modulus has ${bits} bits, fewer than ${RSA_BITS_MIN}`
  if (bits > RSA_BITS_MAX) return `the modulus has ${bits} bits, more than ${RSA_BITS_MAX}`
  if (n % 2n === 0n) return 'the modulus is even'
  if (e < 3n || e % 2n === 0n || e >= n) return `the exponent is ${e.toString().slice(0, 20)}`
  if (exponent === 'usual' && e !== USUAL_EXPONENT) return `the exponent ${e} is not 65537`
  return hasRocaMark(n) ? 'the key was made by a generator with the ROCA weakness' : undefined
}

const ROCA_PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
]

/**
 * Moduli of the faulty generator are powers of 65537 modulo each of the first primes; of an honest
 * key that is true with a probability of 2^-27.
 *
 * @see Nemec and others, The Return of Coppersmith's Attack, CCS 2017
 */
function hasRocaMark(n: bigint): boolean {
  return ROCA_PRIMES.every((prime) => powersModulo(prime).has(Number(n % BigInt(prime))))
}

function powersModulo(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return powers
}

const FIELD = 2n ** 255n - 19n

/** The y of points whose order is 8 or a divisor of it: a signature by one says nothing. */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
])

/** Why an Ed25519 key is not used: not the one spelling of a point, or a point of small order. */
export function ed25519Weakness(x: Uint8Array): string | undefined {
  if (x.length !== 32) return `the key has ${x.length} bytes, not 32`
  const bytes = x.toReversed()
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  const y = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  if (y >= FIELD) return 'the point is not canonically encoded'
  return SMALL_ORDER_Y.has(y) ? 'the point is of small order' : undefined
}

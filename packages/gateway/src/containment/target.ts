import ipaddr from 'ipaddr.js'
import { z } from 'zod'

const NAME_LENGTH_MAX = 500
const name = z
  .string()
  .min(1)
  .max(NAME_LENGTH_MAX)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')
const issuer = name.optional().describe('only those of this issuer; any when not given')

const prefix = z.string().transform((text, context) => {
  try {
    return formatPrefix(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'is not an address or prefix, as 192.0.2.0/24' })
    return z.NEVER
  }
})

/** What can be put under quarantine. */
export const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('principal'), id: name, issuer }),
  z.strictObject({ kind: z.literal('credential'), id: name, issuer }),
  z.strictObject({ kind: z.literal('token'), id: name, issuer }),
  z.strictObject({ kind: z.literal('address'), prefix }),
  z.strictObject({ kind: z.literal('route'), name }),
  z.strictObject({ kind: z.literal('upstream'), name }),
  z.strictObject({ kind: z.literal('gateway') }),
])

/**
 * `credential` is a key's prefix or a certificate's serial, `token` a jti or the SHA-256 of the
 * claims, `gateway` everything that could change something.
 */
export type Target = z.infer<typeof targetSchema>

/** A canonical prefix: the bits beyond its length are zero, IPv4 in IPv6 is IPv4. */
export function formatPrefix(text: string): string {
  const [address, bits] = text.includes('/') ? ipaddr.parseCIDR(text) : wholeAddress(text)
  const { bytes, bitsMax } = plainBytes(address)
  const length = bitsMax === IPV4_BITS && address.kind() === 'ipv6' ? bits - MAPPED_BITS : bits
  if (length < 1) throw new RangeError('a prefix of no bits is everything')
  const masked = ipaddr.fromByteArray(maskBytes(bytes, length))
  return `${masked.toString()}/${length}`
}

/** The bytes of an address, those of IPv4 in IPv6 as IPv4. */
export function addressBytes(address: string): number[] | undefined {
  return ipaddr.isValid(address) ? plainBytes(ipaddr.parse(address)).bytes : undefined
}

/** The same bytes with all bits after the first `length` zero. */
export function maskBytes(bytes: readonly number[], length: number): number[] {
  return bytes.map((byte, at) => {
    const kept = Math.min(8, Math.max(0, length - at * 8))
    return byte & (0xff << (8 - kept)) & 0xff
  })
}

const IPV4_BITS = 32
const MAPPED_BITS = 96

function wholeAddress(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const address = ipaddr.parse(text)
  return [address, address.kind() === 'ipv4' ? IPV4_BITS : 128]
}

function plainBytes(address: ipaddr.IPv4 | ipaddr.IPv6): { bytes: number[]; bitsMax: number } {
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()
  const plain = isMapped ? address.toIPv4Address() : address
  const bytes = plain.toByteArray()
  return { bytes, bitsMax: bytes.length * 8 }
}

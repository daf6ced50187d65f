import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { z } from 'zod'

/** The one spelling of an address; of an IPv4 address in IPv6 that of IPv4. */
export function canonicalAddress(address: string): string {
  if (isIPv4(address)) return address
  const { hostname } = new URL(`http://[${address}]`)
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname)
  if (mapped === null) return hostname.slice(1, -1)
  const [high, low] = [mapped[1], mapped[2]].map((group) => Number.parseInt(group ?? '', 16))
  return [high, low].flatMap((group = 0) => [group >> 8, group & 0xff]).join('.')
}

/** `192.0.2.0/24`, or one address. */
export const networkSchema: z.ZodString = z
  .string()
  .refine((text) => readNetwork(text) !== undefined, 'is not an address or network, as 10.0.0.0/8')

interface Network {
  readonly address: string
  readonly bits: number
  readonly family: 'ipv4' | 'ipv6'
}

function readNetwork(text: string): Network | undefined {
  const [address = '', length, extra] = text.split('/')
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  if (extra !== undefined || address.includes('%')) return undefined
  if (family === 'ipv6' && !isIPv6(address)) return undefined
  const bitsMax = family === 'ipv4' ? 32 : 128
  if (length === undefined) return { address, bits: bitsMax, family }
  const isLength = /^(0|[1-9][0-9]{0,2})$/.test(length) && Number(length) <= bitsMax
  return isLength ? { address, bits: Number(length), family } : undefined
}

/** Says of an address whether it is in one of the networks. */
export function networks(texts: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const text of texts) {
    const network = readNetwork(text)
    if (network === undefined) throw new RangeError(`${text} is not a network`)
    list.addSubnet(network.address, network.bits, network.family)
  }
  return (address) => list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

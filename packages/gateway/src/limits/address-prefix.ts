import ipaddr from 'ipaddr.js'

const BYTE_BITS = 8
/** What one household, site or customer of a hoster has, as a rule. */
const NETWORK_BITS = { ipv4Bits: 24, ipv6Bits: 48 } as const

/** `192.0.2.0/24`, `2001:db8::/48`; what is no address stands for itself. */
export function addressPrefix(
  address: string,
  { ipv4Bits, ipv6Bits }: { readonly ipv4Bits: number; readonly ipv6Bits: number },
): string {
  if (!ipaddr.isValid(address)) return address
  // An IPv4 client of a dual-stack socket is an IPv4 client.
  const parsed = ipaddr.process(address)
  const bits = parsed.kind() === 'ipv4' ? ipv4Bits : ipv6Bits
  const bytes = parsed.toByteArray().map((byte, at) => byte & maskOf(bits - at * BYTE_BITS))
  return `${ipaddr.fromByteArray(bytes).toString()}/${bits}`
}

/** The network of an address, wherever nobody has said how large one is. */
export function networkOf(address: string): string {
  return addressPrefix(address, NETWORK_BITS)
}

function maskOf(bitsLeft: number): number {
  const kept = Math.max(0, Math.min(BYTE_BITS, bitsLeft))
  return (0xff << (BYTE_BITS - kept)) & 0xff
}

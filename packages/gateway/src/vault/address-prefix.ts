/** How much of an address names a household or a site, and shares one key: bits kept. */
export const IPV4_PREFIX_BITS = 24
export const IPV6_PREFIX_BITS = 48

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/
const IPV6_MAPPED = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i
const IPV6_GROUPS = 8

/** `192.0.2.0/24`, `2001:db8:0::/48`; `unknown` for what is no address. Zones are dropped. */
export function addressPrefix(address: string): string {
  const plain = address.split('%', 1)[0] ?? ''
  const mapped = IPV6_MAPPED.exec(plain)?.[1]
  const four = IPV4.exec(mapped ?? plain)
  if (four !== null) {
    const [a, b, c, d] = four.slice(1, 5).map(Number)
    const valid = [a, b, c, d].every((part) => part !== undefined && part <= 255)
    return valid ? `${a}.${b}.${c}.0/${IPV4_PREFIX_BITS}` : 'unknown'
  }
  const groups = ipv6Groups(plain)
  if (groups === undefined) return 'unknown'
  const kept = groups.slice(0, IPV6_PREFIX_BITS / 16).map((group) => group.toString(16))
  return `${kept.join(':')}::/${IPV6_PREFIX_BITS}`
}

/** The eight groups; undefined for what is no IPv6 address without dotted quad. */
function ipv6Groups(text: string): readonly number[] | undefined {
  const halves = text.split('::')
  if (!text.includes(':') || halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = IPV6_GROUPS - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const words = [...head, ...Array.from({ length: Math.max(missing, 0) }, () => '0'), ...tail]
  if (!words.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined
  return words.map((word) => Number.parseInt(word, 16))
}

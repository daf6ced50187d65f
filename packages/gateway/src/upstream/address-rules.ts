import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** What an address is for, as far as it matters to whoever is about to connect to it. */
export type AddressKind =
  | 'public'
  | 'private'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'unspecified'
  | 'multicast'
  | 'reserved'
  | 'mapped'

/** Which addresses an upstream may have. */
export interface AddressRules {
  /** Loopback and private networks too. */
  readonly private: boolean
  /** Addresses that may be used whatever they are for, and networks but for NAMED_ONLY. */
  readonly allow: readonly string[]
}

/** A network opens none of these: each address of them has to be named. */
const NAMED_ONLY: ReadonlySet<AddressKind> = new Set(['metadata', 'mapped', 'unspecified'])

/** Most particular first: the first that fits counts. */
const KINDS: readonly (readonly [AddressKind, BlockList])[] = [
  // Where clouds hand out credentials to whoever asks from inside.
  [
    'metadata',
    blockList(
      '169.254.169.254/32',
      '169.254.170.2/32',
      '100.100.100.200/32',
      '168.63.129.16/32',
      '192.0.0.192/32',
      'fd00:ec2::254/128',
      'fd20:ce::254/128',
    ),
  ],
  ['unspecified', blockList('0.0.0.0/8', '::/128')],
  ['loopback', blockList('127.0.0.0/8', '::1/128')],
  ['link-local', blockList('169.254.0.0/16', 'fe80::/10', 'fec0::/10')],
  ['multicast', blockList('224.0.0.0/4', 'ff00::/8')],
  ['reserved', blockList('240.0.0.0/4', '192.0.0.0/24', '192.88.99.0/24', '100::/64')],
  // Addresses of IPv4 in other words: what is blocked there must not come in here.
  [
    'mapped',
    blockList(
      '::/96',
      '::ffff:0:0:0/96',
      '64:ff9b::/96',
      '64:ff9b:1::/48',
      '2001::/32',
      '2002::/16',
    ),
  ],
  [
    'private',
    blockList(
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10',
      'fc00::/7',
      // For measurements, documents and segment routing: nowhere but in networks of one's own.
      '198.18.0.0/15',
      '192.0.2.0/24',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '2001:db8::/32',
      '3fff::/20',
      '5f00::/16',
    ),
  ],
]

const MAPPED = /^::ffff:/

/** Throws nothing: what is no address at all is `reserved`. */
export function addressKind(address: string): AddressKind {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  if (family === 'ipv6') {
    if (!isIPv6(address) || address.includes('%')) return 'reserved'
    // A list answers for ::ffff:a.b.c.d as for a.b.c.d; here it is what it is.
    if (MAPPED.test(shortest(address))) return 'mapped'
  }
  return KINDS.find(([, list]) => list.check(address, family))?.[0] ?? 'public'
}

/** Why an address may not be connected to; undefined where it may. */
export function addressFault(address: string, rules: AddressRules): AddressKind | undefined {
  const kind = addressKind(address)
  if (kind === 'public') return undefined
  if ((kind === 'private' || kind === 'loopback') && rules.private) return undefined
  return rules.allow.some((allowed) => isAllowed(address, kind, allowed)) ? undefined : kind
}

function isAllowed(address: string, kind: AddressKind, allowed: string): boolean {
  if (!allowed.includes('/')) return shortest(allowed) === shortest(address)
  if (NAMED_ONLY.has(kind) || isIPv4(address) === allowed.includes(':')) return false
  return blockList(allowed).check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

/** Whether it is an address, or a network as in 10.0.0.0/8. */
export function isAddressOrNetwork(text: string): boolean {
  const [network = '', bits, more] = text.split('/')
  const bitsMax = isIPv4(network) ? 32 : isIPv6(network) && !network.includes('%') ? 128 : 0
  if (bitsMax === 0 || more !== undefined) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= bitsMax)
}

/** The one spelling of an address. */
function shortest(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address
}

function blockList(...subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = '', bits = ''] = subnet.split('/')
    list.addSubnet(network, Number(bits), isIPv4(network) ? 'ipv4' : 'ipv6')
  }
  return list
}

import { isIPv4, isIPv6 } from 'node:net'
import { canonicalAddress } from './address.ts'
import { crc32c } from './crc32c.ts'

/** Where a connection came from before a proxy took it. */
export interface ProxiedSource {
  readonly address: string
  readonly port: number
}

/**
 * What the first bytes of a connection are: too few to say, no well-formed header, or a header of
 * `bytes` bytes. Without a source it is a connection of the proxy's own (a health check).
 */
export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'malformed'; readonly why: string }
  | { readonly kind: 'header'; readonly bytes: number; readonly source: ProxiedSource | undefined }

/** As the protocol says: "PROXY UNKNOWN" with two of the longest addresses and ports, CRLF. */
const V1_BYTES_MAX = 107
const V1_START = Buffer.from('PROXY ', 'latin1')
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16
/** Of what follows the fixed part: addresses, and whatever else the proxy tells. */
const V2_REST_BYTES_MAX = 2048
const PORT_FORM = /^(0|[1-9][0-9]{0,4})$/
const CRC32C_TLV = 0x03
const MORE: ProxyHeader = { kind: 'more' }

/** Reads a PROXY protocol header, version 1 or 2, strictly: what is doubtful is malformed. */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (startsLike(buffer, V1_START)) return readV1(buffer)
  if (startsLike(buffer, V2_SIGNATURE)) return readV2(buffer)
  return malformed('begins with no PROXY protocol header')
}

/** As much of `start` as has come so far. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.subarray(0, length).equals(start.subarray(0, length))
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n', 0, 'latin1')
  if (end === -1) return bytes.length < V1_BYTES_MAX ? MORE : malformed('v1: no end')
  const text = bytes.toString('latin1', 0, end)
  const length = end + 2
  if (/[^\x20-\x7e]/.test(text)) return malformed('v1: not plain text')
  if (text === 'PROXY UNKNOWN' || text.startsWith('PROXY UNKNOWN ')) {
    return { kind: 'header', bytes: length, source: undefined }
  }
  const [, family, source = '', target = '', from = '', to = '', extra] = text.split(' ')
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIpv6 : undefined
  if (isAddress === undefined || extra !== undefined) return malformed('v1: not TCP4 or TCP6')
  if (!isAddress(source) || !isAddress(target)) return malformed('v1: not an address')
  if (!isPort(from) || !isPort(to)) return malformed('v1: not a port')
  const address = canonicalAddress(source)
  return { kind: 'header', bytes: length, source: { address, port: Number(from) } }
}

function isPlainIpv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function isPort(text: string): boolean {
  return PORT_FORM.test(text) && Number(text) <= 65_535
}

function readV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_FIXED_BYTES) return MORE
  const [command = 0, protocol = 0] = bytes.subarray(12, 14)
  if (command >> 4 !== 2) return malformed('v2: another version')
  const rest = bytes.readUInt16BE(14)
  if (rest > V2_REST_BYTES_MAX) return malformed('v2: too long')
  const length = V2_FIXED_BYTES + rest
  // What is wrong already gets no more time.
  const isLocal = command === 0x20
  if (!isLocal && command !== 0x21) return malformed('v2: unknown command')
  const size = ADDRESS_BYTES.get(protocol)
  if (size === undefined && !isLocal) return malformed('v2: not TCP over IPv4 or IPv6')
  if (!isLocal && size !== undefined && rest < 2 * size + 4) return malformed('v2: too short')
  if (bytes.length < length) return MORE
  if (isLocal || size === undefined) return { kind: 'header', bytes: length, source: undefined }
  const wrong = checkTlvs(bytes.subarray(0, length), V2_FIXED_BYTES + 2 * size + 4)
  if (wrong !== undefined) return malformed(wrong)
  const address = addressOf(bytes.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + size))
  const port = bytes.readUInt16BE(V2_FIXED_BYTES + 2 * size)
  return { kind: 'header', bytes: length, source: { address, port } }
}

/** Bytes of one address, by family and transport; only streams are proxied here. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x11, 4],
  [0x21, 16],
])

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.')
  const groups = bytes.toString('hex').match(/.{4}/g) ?? []
  return canonicalAddress(groups.join(':'))
}

/** What else is told must be well formed, and its checksum right where it has one. */
function checkTlvs(header: Buffer, from: number): string | undefined {
  let at = from
  while (at < header.length) {
    if (at + 3 > header.length) return 'v2: a part that is cut off'
    const length = header.readUInt16BE(at + 1)
    const end = at + 3 + length
    if (end > header.length) return 'v2: a part that is cut off'
    if (header[at] === CRC32C_TLV) {
      if (length !== 4) return 'v2: no checksum'
      const copy = Buffer.from(header)
      copy.fill(0, at + 3, end)
      if (crc32c(copy) !== header.readUInt32BE(at + 3)) return 'v2: another checksum'
    }
    at = end
  }
  return undefined
}

function malformed(why: string): ProxyHeader {
  return { kind: 'malformed', why }
}

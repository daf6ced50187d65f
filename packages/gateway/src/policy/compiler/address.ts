import { Extension } from './values.ts'

const TEXT_LENGTH_MAX = 43

/** An address or range, as `ip("…")` takes it; undefined for what it refuses. */
export function parseAddress(text: string): Extension | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined
  const slash = text.indexOf('/')
  const address = slash === -1 ? text : text.slice(0, slash)
  const bits = address.includes(':') ? 128 : 32
  const number = bits === 32 ? parseIpv4(address) : parseIpv6(address)
  const prefix = slash === -1 ? bits : parsePrefix(text.slice(slash + 1), bits)
  if (number === undefined || prefix === undefined) return undefined
  return new Extension('ipaddr', number, bits, prefix)
}

function parsePrefix(text: string, bits: number): number | undefined {
  const prefix = /^(0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Number.NaN
  return prefix <= bits ? prefix : undefined
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let number = 0n
  for (const octet of octets) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    number = (number << 8n) | BigInt(octet)
  }
  return number
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [left = [], right] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - left.length - (right?.length ?? 0)
  if (right === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [
    ...left,
    ...Array.from({ length: right ? missing : 0 }, () => '0'),
    ...(right ?? []),
  ]
  let number = 0n
  for (const group of groups) {
    if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined
    number = (number << 16n) | BigInt(`0x${group}`)
  }
  return number
}

/** Whether every address of `inner` is one of `outer`; never across families. */
export function isInRange(inner: Extension, outer: Extension): boolean {
  if (inner.bits !== outer.bits || inner.prefix < outer.prefix) return false
  const free = BigInt(outer.bits - outer.prefix)
  return inner.number >> free === outer.number >> free
}

function range(text: string): Extension {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new Error(`${text} is no range`)
  return parsed
}

const LOOPBACK = [range('127.0.0.0/8'), range('::1')]
const MULTICAST = [range('224.0.0.0/4'), range('ff00::/8')]

export function isLoopback(address: Extension): boolean {
  return LOOPBACK.some((outer) => isInRange(address, outer))
}

export function isMulticast(address: Extension): boolean {
  return MULTICAST.some((outer) => isInRange(address, outer))
}

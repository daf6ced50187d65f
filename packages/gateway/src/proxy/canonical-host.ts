import { isIPv6 } from 'node:net'
import type { Reading } from './canonical-path.ts'

/** Host and port of a request, in the one spelling that is matched, judged and recorded. */
export interface Authority {
  /** Lower case, without a final dot; an IPv6 address in brackets. */
  readonly host: string
  readonly port: number | undefined
}

const FORM = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)(?::(\d{1,5}))?$/
const HOST_LENGTH_MAX = 255
const PORT_MAX = 65_535

/** Of most requests the `Host` is that of the one before, whoever sent it. */
let last: { readonly value: string; readonly reading: Reading<Authority> } | undefined

/** Reads the value of a `Host` header; anything but a name or address, and a port, is refused. */
export function readAuthority(value: string): Reading<Authority> {
  if (last?.value !== value) last = { value, reading: read(value) }
  return last.reading
}

function read(value: string): Reading<Authority> {
  const [, name, digits] = FORM.exec(value) ?? []
  if (name === undefined || name.length > HOST_LENGTH_MAX) return REFUSED
  if (name.startsWith('[') && !isIPv6(name.slice(1, -1))) return REFUSED
  const port = digits === undefined ? undefined : Number(digits)
  if (port !== undefined && (port === 0 || port > PORT_MAX)) return REFUSED
  return { ok: true, value: { host: name.toLowerCase().replace(/\.$/, ''), port } }
}

export function formatAuthority({ host, port }: Authority): string {
  return port === undefined ? host : `${host}:${port}`
}

const REFUSED = { ok: false, reason: 'malformed-host' } as const

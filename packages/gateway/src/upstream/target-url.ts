import { isIP } from 'node:net'

/** Where a target is, as its URL says it. */
export interface TargetPlace {
  readonly scheme: 'http' | 'https'
  /** A name, or an address without brackets. */
  readonly host: string
  readonly isAddress: boolean
  readonly port: number
  /** As in `Host`. */
  readonly authority: string
}

const FORM = /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::(\d{1,5}))?\/?$/
const NUMERIC_LABEL = /^(?:\d+|0x[0-9a-f]*)$/

/**
 * Reads scheme, host and port. A host has one spelling: readers of URLs take `127.1`,
 * `0x7f000001`, `2130706433` and `%31` for addresses, and whoever reviews a configuration does not.
 */
export function readTargetUrl(url: string): TargetPlace | { readonly wrong: string } {
  const [, scheme, named, port] = FORM.exec(url) ?? []
  if (scheme === undefined || named === undefined) {
    return { wrong: 'is not scheme, host and port, in lower case and with nothing else' }
  }
  const host = named.startsWith('[') ? named.slice(1, -1) : named
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.hostname !== named || isOddNumber(host)) {
    const said = parsed === undefined ? '' : `; if ${parsed.hostname} is meant, say so`
    return { wrong: `does not say its host in the usual form${said}` }
  }
  const portNumber = port === undefined ? defaultPort(scheme) : Number(port)
  if (portNumber < 1 || portNumber > 65_535) return { wrong: 'has no port from 1 to 65535' }
  return {
    scheme: scheme === 'https' ? 'https' : 'http',
    host,
    isAddress: isIP(host) !== 0,
    port: portNumber,
    // A copy: of a piece of a longer text, JSON is made by a slower way, for each record.
    authority: Buffer.from(parsed.host).toString(),
  }
}

/** A name whose last label is a number is an address to some readers. */
function isOddNumber(host: string): boolean {
  if (isIP(host) !== 0) return false
  return NUMERIC_LABEL.test(host.split('.').at(-1) ?? '')
}

function defaultPort(scheme: string): number {
  return scheme === 'https' ? 443 : 80
}

import { isIPv4, isIPv6 } from 'node:net'
import { type HeaderFields, listItems, valuesOf } from '../header-fields.ts'
import { canonicalAddress, networks } from './address.ts'

/** Whose word is taken for where a request came from: by their addresses, or by how many. */
export interface ForwardedConfig {
  readonly header: 'x-forwarded-for' | 'forwarded'
  readonly trusted?: readonly string[] | undefined
  readonly hops?: number | undefined
}

/** Where a request came from, and through which trusted proxies, nearest last. */
export interface ForwardedSource {
  readonly address: string
  readonly proxies: readonly string[]
}

/** Entries that are looked at; no honest chain is longer. */
const ENTRIES_MAX = 64
/** What a proxy says where it does not say: RFC 7239, section 6. */
const HIDDEN = /^(unknown|_[A-Za-z0-9._-]+)$/i
const PORT = /:(\d{1,5}|_[A-Za-z0-9._-]+)$/
const PAIR = /[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^\s",;=]+|"(?:[^"\\]|\\.)*")[ \t]*(?:([;,])|$)/y

/** Reads what trusted proxies say of a request, counted from the right. */
export class ForwardedTrust {
  readonly #config: ForwardedConfig
  readonly #isTrusted: (address: string) => boolean

  constructor(config: ForwardedConfig) {
    this.#config = config
    this.#isTrusted = networks(config.trusted ?? [])
  }

  /**
   * Undefined: nobody who is trusted says anything, so it came from the peer. What has to be
   * believed and cannot be read is malformed.
   */
  source(peerAddress: string, fields: HeaderFields): ForwardedSource | 'malformed' | undefined {
    const { header, hops } = this.#config
    if (hops === undefined && !this.#isTrusted(peerAddress)) return undefined
    const values = valuesOf(fields, header)
    if (values.length === 0) return undefined
    const entries = header === 'forwarded' ? forwardedEntries(values) : [...listItems(values)]
    if (entries === undefined || entries.length > ENTRIES_MAX) return 'malformed'
    // Fewer than there are proxies: it did not come through all of them, so none of it counts.
    if (hops !== undefined && entries.length < hops) return undefined
    return this.#walk(peerAddress, entries)
  }

  #walk(peerAddress: string, entries: string[]): ForwardedSource | 'malformed' | undefined {
    const proxies: string[] = []
    let address = peerAddress
    while (this.#believes(address, proxies.length)) {
      const entry = entries.pop()
      if (entry === undefined || HIDDEN.test(entry)) break
      const next = addressIn(entry)
      if (next === undefined) return 'malformed'
      proxies.unshift(address)
      address = next
    }
    return proxies.length === 0 ? undefined : { address, proxies }
  }

  #believes(address: string, depth: number): boolean {
    const { hops } = this.#config
    return hops === undefined ? this.#isTrusted(address) : depth < hops
  }
}

/** The `for` of each element; an element without one hides it. */
function forwardedEntries(values: readonly string[]): string[] | undefined {
  const entries: string[] = []
  for (const value of values) {
    PAIR.lastIndex = 0
    let element = new Map<string, string>()
    let isMore = true
    while (isMore) {
      const found = PAIR.exec(value)
      if (found === null) return undefined
      const [, name = '', text = '', separator] = found
      const lowerCaseName = name.toLowerCase()
      if (element.has(lowerCaseName)) return undefined
      element.set(lowerCaseName, text.startsWith('"') ? unquoted(text) : text)
      if (separator !== ';') {
        entries.push(element.get('for') ?? 'unknown')
        element = new Map()
      }
      isMore = separator !== undefined
    }
  }
  return entries
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, '$1')
}

/** An address, with or without a port; IPv6 with a port has brackets. */
function addressIn(entry: string): string | undefined {
  if (isIPv6(entry)) return entry.includes('%') ? undefined : canonicalAddress(entry)
  const host = entry.replace(PORT, '')
  const [, inner] = /^\[(.+)\]$/.exec(host) ?? []
  if (inner !== undefined) {
    return isIPv6(inner) && !inner.includes('%') ? canonicalAddress(inner) : undefined
  }
  return isIPv4(host) ? host : undefined
}

/** As a value of `Forwarded`: IPv6 stands in brackets and quotes. */
export function forwardedFor(address: string): string {
  return address.includes(':') ? `for="[${address}]"` : `for=${address}`
}

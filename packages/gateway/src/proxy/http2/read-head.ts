import type { Reason } from '@countersign/evidence'
import { formatAuthority, readAuthority } from '../canonical-host.ts'
import { type HeaderFields, valuesOf } from '../header-fields.ts'

/** A request head of HTTP/2 in the terms of any HTTP, and what is wrong with it. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  /** `host` first, as the authority says it; cookie crumbs joined. */
  readonly fields: HeaderFields
  /** What the stream is to carry (RFC 8441, `:protocol`). */
  readonly connectProtocol?: string | undefined
  /** The first rule that it breaks; the head is then as far as it was read. */
  readonly fault: Reason | undefined
}

const TOKEN_FORM = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
const NAME_FORM = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
/** Visible characters, and between them space and tab; no CR, LF, NUL or other control. */
const VALUE_FORM = /^(?![ \t])[\t -~\u0080-\u00ff]*(?<![ \t])$/
const PSEUDO_NAMES = new Set([':method', ':scheme', ':authority', ':path', ':protocol'])

/** Fields that speak of a connection, which HTTP/2 has none of (RFC 9113, section 8.2.2). */
const OF_A_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/**
 * Reads what the engine gives, believing nothing of it: the engine has rules of its own, and these
 * hold for any engine. A stream that is to carry another protocol is asked for with GET, as it is
 * in HTTP/1.1: what is decided of the one holds for the other.
 */
export function readHead(
  fields: HeaderFields,
  { scheme, mayConnect }: { readonly scheme: 'http' | 'https'; readonly mayConnect: boolean },
): RequestHead {
  const pseudo = new Map<string, string>()
  const regular: [string, string][] = []
  let fault: Reason | undefined
  for (const [name, value] of fields) {
    if (name.startsWith(':')) {
      const isMisplaced = regular.length > 0 || pseudo.has(name) || !PSEUDO_NAMES.has(name)
      if (isMisplaced || !VALUE_FORM.test(value)) fault ??= 'malformed-request'
      if (!pseudo.has(name)) pseudo.set(name, value)
    } else {
      if (!NAME_FORM.test(name) || !VALUE_FORM.test(value)) fault ??= 'malformed-request'
      else regular.push([name, value])
    }
  }
  const method = pseudo.get(':method') ?? ''
  const target = pseudo.get(':path') ?? ''
  const connectProtocol = pseudo.get(':protocol')
  const isExtended = mayConnect && method === 'CONNECT' && connectProtocol !== undefined
  fault ??= refusePseudo(pseudo, scheme, isExtended) ?? refuseFields(regular)
  const { host, fault: hostFault } = readHost(pseudo.get(':authority'), regular)
  return {
    method: isExtended ? 'GET' : TOKEN_FORM.test(method) ? method : '',
    target,
    ...(isExtended ? { connectProtocol } : {}),
    fields: [...host, ...joinCookies(regular.filter(([name]) => name !== 'host'))],
    fault: fault ?? hostFault,
  }
}

function refusePseudo(
  pseudo: ReadonlyMap<string, string>,
  scheme: 'http' | 'https',
  isExtended: boolean,
): Reason | undefined {
  const method = pseudo.get(':method')
  if (method === undefined || !TOKEN_FORM.test(method)) return 'malformed-request'
  // A tunnel to anywhere is nothing that is served here, whatever it says beside.
  if (method === 'CONNECT' && !isExtended) return 'method-not-allowed'
  if (method !== 'CONNECT' && pseudo.has(':protocol')) return 'malformed-request'
  if (pseudo.get(':scheme') !== scheme) return 'malformed-request'
  return pseudo.get(':path')?.startsWith('/') === true ? undefined : 'malformed-target'
}

function refuseFields(fields: HeaderFields): Reason | undefined {
  for (const [name, value] of fields) {
    if (OF_A_CONNECTION.has(name)) return 'malformed-request'
    if (name === 'te' && value.toLowerCase() !== 'trailers') return 'malformed-request'
  }
  return undefined
}

/** Two hosts that are the same one are one; two that are not are refused, whichever is meant. */
function readHost(
  authority: string | undefined,
  fields: HeaderFields,
): { readonly host: HeaderFields; readonly fault?: Reason } {
  const hosts = valuesOf(fields, 'host')
  const [named = authority] = hosts
  if (named === undefined || hosts.length > 1) return { host: [], fault: 'malformed-host' }
  if (authority === undefined || authority === named) return { host: [['host', named]] }
  const [first, second] = [readAuthority(authority), readAuthority(named)]
  const isSame =
    first.ok && second.ok && formatAuthority(first.value) === formatAuthority(second.value)
  const host = [['host', authority]] as const
  return isSame ? { host } : { host, fault: 'malformed-host' }
}

/** Clients may send each cookie in a field of its own (RFC 9113, section 8.2.3). */
function joinCookies(fields: HeaderFields): HeaderFields {
  const crumbs = valuesOf(fields, 'cookie')
  if (crumbs.length < 2) return fields
  const cookie = ['cookie', crumbs.join('; ')] as const
  return [...fields.filter(([name]) => name !== 'cookie'), cookie]
}

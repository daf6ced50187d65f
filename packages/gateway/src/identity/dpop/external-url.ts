/** Scheme, authority and path of an http(s) URL in one spelling. */
const FORM =
  /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{0,5}))?(\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?(?:\?[!-~]*)?(?:#[!-~]*)?$/i
const URL_LENGTH_MAX = 8192
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/
const DOT_SEGMENT = /\/\.{1,2}(?=\/|$)/
const UNRESERVED = /^[A-Za-z0-9\-._~]$/
const DEFAULT_PORTS: { readonly [scheme: string]: string } = { http: '80', https: '443' }

/**
 * Normalises scheme, host, port and path (RFC 3986, sections 6.2.2 and 6.2.3) and leaves query and
 * fragment out, as `htu` is compared. Undefined for anything that two readers could read in two
 * ways, such as user information, dot segments, a backslash.
 */
export function normaliseUrl(url: string): string | undefined {
  if (url.length > URL_LENGTH_MAX) return undefined
  const [, scheme = '', host, port = '', path = '/'] = FORM.exec(url) ?? []
  if (host === undefined || BROKEN_ESCAPE.test(path) || port.startsWith('0')) return undefined
  const plain = path.replace(/%([0-9A-Fa-f]{2})/g, canonicalEscape)
  if (DOT_SEGMENT.test(plain)) return undefined
  const lowerScheme = scheme.toLowerCase()
  const suffix = port === '' || port === DEFAULT_PORTS[lowerScheme] ? '' : `:${port}`
  return `${lowerScheme}://${host.toLowerCase()}${suffix}${plain}`
}

function canonicalEscape(escaped: string, hex: string): string {
  const character = String.fromCharCode(Number.parseInt(hex, 16))
  return UNRESERVED.test(character) ? character : escaped.toUpperCase()
}

import { fieldsOfLines } from '../../http1/index.ts'
import type { UpstreamFields, UpstreamRequest } from '../types.ts'

const NAME_FORM = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE_FORM = /^[\t -~\u0080-\u00ff]*$/
const STATUS_FORM = /^[1-5][0-9]{2}$/
const LENGTH_FORM = /^(0|[1-9][0-9]{0,15})$/
/** Methods for which no length and no body are not the same (RFC 9110, section 8.6). */
const LENGTH_METHODS = new Set(['POST', 'PUT', 'PATCH'])
/** Fields of a connection, which HTTP/2 has none of (RFC 9113, section 8.2.2). */
const OF_A_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** The head as the engine takes it, flat; undefined where it cannot be said. */
export function requestHead(
  request: UpstreamRequest,
  scheme: 'http' | 'https',
): string[] | undefined {
  const { method, authority, target, bodyBytes, takesTrailers } = request
  const pseudo = [':method', method, ':scheme', scheme, ':authority', authority, ':path', target]
  const kept = request.kept?.flatMap(({ fields }) => fields) ?? []
  const flat = trailerFields([...kept, ...request.fields])
  if (flat === undefined || !pseudo.every((text) => VALUE_FORM.test(text))) return undefined
  for (const field of fieldsOfLines(request.made ?? '')) flat.push(...field)
  if (bodyBytes !== undefined && (bodyBytes > 0 || LENGTH_METHODS.has(method))) {
    flat.push('content-length', String(bodyBytes))
  }
  if (takesTrailers === true) flat.push('te', 'trailers')
  return [...pseudo, ...flat]
}

/** Fields as the engine takes them; undefined where one of them cannot be said. */
export function trailerFields(fields: UpstreamFields): string[] | undefined {
  const flat: string[] = []
  for (const [name, value] of fields) {
    const lowerCaseName = name.toLowerCase()
    if (!NAME_FORM.test(lowerCaseName) || !VALUE_FORM.test(value)) return undefined
    flat.push(lowerCaseName, value)
  }
  return flat
}

/** What came, in pairs; or what is wrong with it. */
export function responseHead(
  raw: readonly string[],
): { readonly status: number; readonly fields: UpstreamFields } | { readonly wrong: string } {
  const [name, status = '', ...rest] = raw
  if (name !== ':status' || !STATUS_FORM.test(status)) return { wrong: 'no status' }
  const fields = responseFields(rest)
  if ('wrong' in fields) return fields
  const lengths = fields.filter(([each]) => each === 'content-length')
  if (lengths.length > 1 || lengths.some(([, value]) => !LENGTH_FORM.test(value))) {
    return { wrong: 'content-length' }
  }
  return { status: Number(status), fields }
}

/** Of a head without its pseudo-header fields, or of trailers. */
export function responseFields(
  raw: readonly string[],
): UpstreamFields | { readonly wrong: string } {
  const fields: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]]
    if (!NAME_FORM.test(name) || !VALUE_FORM.test(value)) return { wrong: 'a field' }
    if (OF_A_CONNECTION.has(name)) return { wrong: name }
    fields.push([name, value])
  }
  return fields
}

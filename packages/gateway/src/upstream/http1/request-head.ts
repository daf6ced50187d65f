import { formatFields, isFieldValue, isToken, type KeptFields } from '../../http1/index.ts'
import type { UpstreamRequest } from '../types.ts'

const NOT_TARGET = /[^\x21-\x7e]/

/** The head as it is sent, in Latin-1; undefined where something in it would end a line early. */
export function formatHead(request: UpstreamRequest): string | undefined {
  const { method, target, authority, upgrade, takesTrailers } = request
  if (!isToken(method) || NOT_TARGET.test(target) || NOT_TARGET.test(authority)) return
  const lines = linesOf(request)
  if (lines === undefined) return undefined
  const head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\n${lines}`
  if (upgrade !== undefined) {
    if (!isFieldValue(upgrade)) return undefined
    return `${head}connection: upgrade\r\nupgrade: ${upgrade}\r\n\r\n`
  }
  const te = takesTrailers === true ? 'connection: te\r\nte: trailers\r\n' : ''
  return `${head}${te}${framingOf(request)}\r\n`
}

function linesOf({ fields, kept = NONE_KEPT, made = '' }: UpstreamRequest): string | undefined {
  let all = ''
  for (const { lines } of kept) {
    if (lines === undefined) return undefined
    all += lines
  }
  if (fields.length === 0) return all + made
  const lines = formatFields(fields)
  return lines === undefined ? undefined : all + lines + made
}

const NONE_KEPT: readonly KeptFields[] = []

function framingOf({ method, bodyBytes }: UpstreamRequest): string {
  if (bodyBytes === undefined) return 'transfer-encoding: chunked\r\n'
  return bodyBytes > 0 || needsLength(method) ? `content-length: ${bodyBytes}\r\n` : ''
}

/** Methods for which no length and no body are not the same (RFC 9110, section 8.6). */
function needsLength(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

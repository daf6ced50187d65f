import type { UpstreamFields, UpstreamRequest } from '../types.ts'

/** What would end a line, or be cut to another byte, on its way out. */
const NOT_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const NOT_TOKEN = /[^A-Za-z0-9!#$%&'*+.^`|~_-]/
const NOT_TARGET = /[^\x21-\x7e]/

/** The head as it is sent, in Latin-1; undefined where something in it would end a line early. */
export function formatHead(request: UpstreamRequest): string | undefined {
  const { method, target, authority, fields, upgrade, takesTrailers } = request
  if (NOT_TOKEN.test(method) || NOT_TARGET.test(target) || NOT_TARGET.test(authority)) return
  const lines = formatFields(fields)
  if (lines === undefined) return undefined
  const head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\n${lines}`
  if (upgrade !== undefined) {
    if (NOT_VALUE.test(upgrade)) return undefined
    return `${head}connection: upgrade\r\nupgrade: ${upgrade}\r\n\r\n`
  }
  const te = takesTrailers === true ? 'connection: te\r\nte: trailers\r\n' : ''
  return `${head}${te}${framingOf(request)}\r\n`
}

/** Lines of name and value; undefined where one would end early. */
export function formatFields(fields: UpstreamFields): string | undefined {
  let lines = ''
  for (const [name, value] of fields) {
    if (name === '' || NOT_TOKEN.test(name) || NOT_VALUE.test(value)) return undefined
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

function framingOf({ method, bodyBytes }: UpstreamRequest): string {
  if (bodyBytes === undefined) return 'transfer-encoding: chunked\r\n'
  return bodyBytes > 0 || needsLength(method) ? `content-length: ${bodyBytes}\r\n` : ''
}

/** Methods for which no length and no body are not the same (RFC 9110, section 8.6). */
function needsLength(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH'
}

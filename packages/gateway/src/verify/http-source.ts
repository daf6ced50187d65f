import type { Read, Source } from './source.ts'
import { VerifyError } from './verify-error.ts'

/** How long one file may take. */
export const FETCH_DEADLINE_MS = 30_000

/** Reads below one address. A redirect is refused: the auditor names the server, not the server. */
export function httpSource(fetchFile: typeof fetch, base: URL): Source {
  return { read: (path, bytesMax) => get(fetchFile, new URL(path, base), bytesMax) }
}

/** The address of a served log: http or https, ending in a slash so that names resolve below it. */
export function logAddress(text: string): URL {
  const url = URL.parse(text)
  if (url === null) throw new VerifyError('VERIFY_USAGE', `not an address: ${text}`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new VerifyError('VERIFY_USAGE', `only http and https are read, not ${url.protocol}`)
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  url.search = ''
  url.hash = ''
  return url
}

async function get(fetchFile: typeof fetch, url: URL, bytesMax: number): Promise<Read> {
  try {
    const response = await fetchFile(url, {
      redirect: 'error',
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(FETCH_DEADLINE_MS),
    })
    if (response.status === 200) return await bounded(response, bytesMax)
    await response.body?.cancel()
    if (response.status === 404) return { kind: 'missing' }
    throw new VerifyError('VERIFY_UNREACHABLE', `${url.href} answers ${response.status}`)
  } catch (cause) {
    if (cause instanceof VerifyError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new VerifyError('VERIFY_UNREACHABLE', `cannot read ${url.href}: ${why}`, { cause })
  }
}

/** The body, unless it is longer than any honest one: a server must not fill our memory. */
async function bounded(response: Response, bytesMax: number): Promise<Read> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > bytesMax) return { kind: 'wrong', why: `is larger than ${bytesMax} bytes` }
    parts.push(part)
  }
  return { kind: 'bytes', bytes: parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts) }
}

const EMPTY = new Uint8Array(0)

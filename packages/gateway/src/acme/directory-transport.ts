import { type HttpClient, HttpError } from '../platform/index.ts'

/** More than any answer of an authority: certificates come with their chains. */
const ANSWER_BYTES_MAX = 1_048_576
const STATUS_PROBLEM_MIN = 400

/** As much of a request and a response as the library says and reads. */
export interface TransportRequest {
  readonly url?: string | undefined
  readonly method?: string | undefined
  readonly data?: unknown
  readonly headers?: Readonly<Record<string, unknown>> | undefined
}

export interface TransportResponse {
  readonly status: number
  readonly statusText: string
  readonly data: string
  readonly headers: Readonly<Record<string, string>>
  readonly config: TransportRequest
}

/**
 * Sends the library's requests as all others of the gateway: verified, bounded, not redirected.
 * `hear` is told the kind of problem (RFC 7807, `type`) that each answer is, which the library's
 * own errors leave out; undefined: it is none.
 */
export function directoryTransport(
  http: HttpClient,
  timeoutMs: number,
  hear: (problem: string | undefined) => void,
): (request: TransportRequest) => Promise<TransportResponse> {
  return async (request) => {
    const { url = '', method = 'get', data, headers = {} } = request
    const response = await http.request({
      url,
      method: methodOf(method),
      headers: textsOf(headers),
      body: typeof data === 'string' ? new TextEncoder().encode(data) : undefined,
      bytesMax: ANSWER_BYTES_MAX,
      timeoutMs,
      allowsLoopbackHttp: false,
    })
    const text = new TextDecoder().decode(response.body)
    const { status, headers: fields } = response
    hear(status < STATUS_PROBLEM_MIN ? undefined : problemOf(text))
    return { status, statusText: '', data: text, headers: fields, config: request }
  }
}

function problemOf(text: string): string | undefined {
  try {
    const { type } = Object(JSON.parse(text)) as { readonly type?: unknown }
    return typeof type === 'string' ? type : undefined
  } catch {
    return undefined // No JSON: it does not say of what kind it is.
  }
}

function methodOf(method: string): 'GET' | 'POST' | 'HEAD' {
  const name = method.toUpperCase()
  if (name === 'GET' || name === 'POST' || name === 'HEAD') return name
  throw new HttpError('HTTP_FAILED', `no authority is asked with ${name}`)
}

function textsOf(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const texts = Object.entries(headers).filter((pair): pair is [string, string] => {
    return typeof pair[1] === 'string'
  })
  return Object.fromEntries(texts)
}

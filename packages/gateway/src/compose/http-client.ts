import { rootCertificates } from 'node:tls'
import { Agent, request } from 'undici'
import {
  type HttpClient,
  HttpError,
  type HttpRequest,
  type HttpResponse,
} from '../platform/index.ts'

const CONNECTIONS_PER_ORIGIN = 16
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/

/** A client that can be closed. */
export interface OpenHttpClient extends HttpClient {
  close(): Promise<void>
}

/**
 * The machine's HTTP client for what the gateway asks on its own behalf.
 *
 * @param authority  PEM of certificate authorities that are trusted beside the runtime's own
 * @param questionsMax  how many questions at once need a connection of their own, beside the others
 */
export function httpClient(authority?: string, questionsMax = 0): OpenHttpClient {
  const ca = authority === undefined ? {} : { ca: [...rootCertificates, authority] }
  const agent = new Agent({
    connections: CONNECTIONS_PER_ORIGIN + questionsMax,
    allowH2: false,
    connect: { ...ca, rejectUnauthorized: true },
  })
  return {
    request: (of) => ask(agent, of),
    close: () => agent.destroy(),
  }
}

async function ask(agent: Agent, of: HttpRequest): Promise<HttpResponse> {
  const { method, headers, body, bytesMax, timeoutMs } = of
  const url = checkedUrl(of)
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await request(url, {
      dispatcher: agent,
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal,
    })
    return {
      status: response.statusCode,
      headers: firstValues(response.headers),
      body: await readBody(response.body, bytesMax, url),
    }
  } catch (cause) {
    if (cause instanceof HttpError) throw cause
    if (signal.aborted) {
      throw new HttpError('HTTP_TIMEOUT', `${origin(url)} took longer than ${timeoutMs} ms`, {
        cause,
      })
    }
    throw new HttpError('HTTP_FAILED', `${origin(url)} cannot be asked`, { cause })
  }
}

function checkedUrl({ url: text, allowsLoopbackHttp }: HttpRequest): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.protocol === 'http:' && allowsLoopbackHttp && LOOPBACK.test(url.hostname)
  const hasUser = url !== undefined && (url.username !== '' || url.password !== '')
  if (url === undefined || hasUser || !(isPlain || url.protocol === 'https:')) {
    throw new HttpError('HTTP_URL_REFUSED', 'an https URL is needed, without a user name')
  }
  return url
}

async function readBody(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
  url: URL,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    // Leaving the loop ends the connection: no more of it is read.
    if (bytes > bytesMax) {
      throw new HttpError('HTTP_TOO_LARGE', `${origin(url)} answers with over ${bytesMax} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function firstValues(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> {
  const first: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value[0] : value
    if (text !== undefined) first[name.toLowerCase()] = text
  }
  return first
}

/** A path or query may hold what is nobody's business in a log. */
function origin(url: URL): string {
  return url.origin
}

import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** What is asked of the gateway itself: receipts and proofs, which anybody may have. */
const OWN_PREFIX = '/.well-known/countersign/'

/** Answers what is below OWN_PREFIX; it is never forwarded, and no route can shadow it. */
export async function answerOwn(exchange: Exchange, context: ProxyContext): Promise<Step> {
  const { method, authority, path, query } = filled(exchange.asked, 'asked')
  if (!path.startsWith(OWN_PREFIX)) return 'next'
  if (method !== 'GET' && method !== 'HEAD') return { stop: 'method-not-allowed' }
  const { inbound, outbound } = exchange
  const target = query === undefined ? path : `${path}?${query}`
  const url = `${inbound.peer.scheme}://${authority}${target}`
  const headers = inbound.fields.map(([name, value]): [string, string] => [name, value])
  const response = await context.answerOwn(new Request(url, { method, headers }))
  const body = new Uint8Array(await response.arrayBuffer())
  exchange.isConcluded = true
  outbound.begin({
    status: response.status,
    fields: [
      ...[...response.headers].filter(([name]) => name !== 'content-length'),
      ['content-length', String(body.length)],
    ],
    isLast: !inbound.isComplete() || context.isStopping(),
  })
  await outbound.end(method === 'HEAD' ? new Uint8Array() : body, [])
  return 'answered'
}

import type { Reason } from '@countersign/evidence'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'

/** What is asked of the gateway itself: receipts and proofs, which anybody may have. */
const OWN_PREFIX = '/.well-known/countersign/'

/** Where a certificate authority looks for the proof of a name (RFC 8555, section 8.3). */
const ACME_PREFIX = '/.well-known/acme-challenge/'

/** Signing in and out: what is there also takes a form, of a browser or of an identity provider. */
const LOGIN_PREFIX = `${OWN_PREFIX}login/`
const FORM_BYTES_MAX = 65_536

/** Answers what is below OWN_PREFIX; it is never forwarded, and no route can shadow it. */
export function answerOwn(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const { path } = filled(exchange.asked, 'asked')
  if (path.startsWith(OWN_PREFIX)) return answerBelow(exchange, context)
  return path.startsWith(ACME_PREFIX) ? answerChallenge(exchange, context) : 'next'
}

/** What an authority looks for while it validates a name; everything else there is a route's. */
function answerChallenge(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const { method, path, host } = filled(exchange.asked, 'asked')
  const proof = context.challenges.httpAnswer(host, path.slice(ACME_PREFIX.length))
  if (proof === undefined || (method !== 'GET' && method !== 'HEAD')) return 'next'
  const headers = { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' }
  return sendOwn(exchange, context, new Response(proof, { headers }))
}

async function answerBelow(exchange: Exchange, context: ProxyContext): Promise<Step> {
  const { method, path, query } = filled(exchange.asked, 'asked')
  const takesForm = method === 'POST' && path.startsWith(LOGIN_PREFIX)
  if (!takesForm && method !== 'GET' && method !== 'HEAD') return { stop: 'method-not-allowed' }
  const { inbound } = exchange
  const target = query === undefined ? path : `${path}?${query}`
  // What a client may call us is not always a host that a URL can have (`1.2.3.256`).
  const url = `${inbound.peer.scheme}://localhost${target}`
  const headers = inbound.fields.map(([name, value]): [string, string] => [name, value])
  const form = takesForm ? await readForm(exchange) : null
  if (form !== null && 'stop' in form) return form
  const response = await context.answerOwn(new Request(url, { method, headers, body: form }))
  return sendOwn(exchange, context, response)
}

async function sendOwn(
  exchange: Exchange,
  context: ProxyContext,
  response: Response,
): Promise<Step> {
  const { inbound, outbound } = exchange
  const { method } = filled(exchange.asked, 'asked')
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
  exchange.status = response.status
  context.telemetry.answeredOwn()
  await outbound.end(method === 'HEAD' ? new Uint8Array() : body, [])
  return 'answered'
}

/** A form is small: it is read whole, within the same time as any body. */
async function readForm({
  inbound,
  deadlines,
  inForce,
  cut,
}: Exchange): Promise<Buffer<ArrayBuffer> | { readonly stop: Reason }> {
  const chunks: Uint8Array[] = []
  const isCut = cutOf(cut)
  let bytes = 0
  if (inbound.isWaiting) inbound.invite()
  deadlines.set('body', inForce.limits.bodyIdleMs, 'body-timeout')
  try {
    for (;;) {
      const step = await Promise.race([inbound.body.next(), isCut])
      if (step === 'cut') return { stop: cut.reason ?? 'client-aborted' }
      if (step.done === true) return Buffer.concat(chunks)
      bytes += step.value.length
      if (bytes > FORM_BYTES_MAX) return { stop: 'body-too-large' }
      chunks.push(step.value)
    }
  } catch {
    return { stop: 'client-aborted' } // The engine says only that the rest will not come.
  } finally {
    deadlines.meet('body')
  }
}

function cutOf(cut: Exchange['cut']): Promise<'cut'> {
  return new Promise((resolve) => cut.onMade(() => resolve('cut')))
}

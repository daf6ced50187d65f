import { isReason, REASONS, RECEIPT_HEADER } from '@countersign/evidence'
import { decodeBase64, TlogError } from '@countersign/tlog'
import type { ReceiptAnswer, ReceiptRequest } from '../recorder/index.ts'
import { problem } from './problem.ts'

/** What anybody may ask of the gateway itself, on the data plane and on the control plane. */
export type WellKnown = (request: Request) => Promise<Response>

const RECEIPT_PATH =
  /^\/\.well-known\/countersign\/receipts\/([1-9][0-9]{0,15})\/(0|[1-9][0-9]{0,15})$/
const LATE_PATH =
  /^\/\.well-known\/countersign\/receipts\/pending\/([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/
const REASON_PATH = /^\/\.well-known\/countersign\/reasons\/([a-z0-9-]{1,64})$/
const KEY_SET_PATH = '/.well-known/countersign/jwks.json'
const SCHEME = 'Countersign-Receipt'
const AUTHORIZATION = /^countersign-receipt +(:?)([A-Za-z0-9+/]+={0,2})\1$/i

/** Answers with the caller's own evidence: no cache may keep it, or give it to somebody else. */
const PRIVATE = { 'cache-control': 'private, no-store', vary: 'authorization' }

/** What a receipt leads to, and how it is had where an answer came before it. */
export interface Receipts {
  answer(request: ReceiptRequest): Promise<ReceiptAnswer>
  late(exchange: string, open: Uint8Array | undefined): Promise<ReceiptAnswer>
}

export function wellKnown(receipts: Receipts, keySet: string): WellKnown {
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === KEY_SET_PATH) return showKeys(keySet)
    const [, reason] = REASON_PATH.exec(pathname) ?? []
    if (reason !== undefined) return explain(reason)
    const [, exchange] = LATE_PATH.exec(pathname) ?? []
    if (exchange !== undefined) {
      const open = openOf(request)
      return open === 'malformed' ? refused() : respond(await receipts.late(exchange, open))
    }
    const [, epochText, indexText] = RECEIPT_PATH.exec(pathname) ?? []
    const [epoch, index] = [Number(epochText), Number(indexText)]
    if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(index)) return missing()
    const open = openOf(request)
    if (open === 'malformed') return refused()
    return respond(await receipts.answer({ epoch, index, open }))
  }
}

/** What upstreams check the gateway's statements with. */
function showKeys(keySet: string): Response {
  return new Response(keySet, {
    headers: { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' },
  })
}

/** Credentials of another scheme are somebody's business, but not ours. */
function openOf({ headers }: Request): Uint8Array | 'malformed' | undefined {
  const value = headers.get('authorization')
  if (value === null || !/^countersign-receipt\b/i.test(value)) return undefined
  const base64 = AUTHORIZATION.exec(value)?.[2]
  if (base64 === undefined) return 'malformed'
  try {
    return decodeBase64(base64)
  } catch (error) {
    if (error instanceof TlogError) return 'malformed'
    throw error
  }
}

function respond(answer: ReceiptAnswer): Response {
  switch (answer.kind) {
    case 'missing':
      return missing()
    case 'refused':
      return refused()
    case 'pending':
      return new Response(null, {
        status: 202,
        headers: { ...PRIVATE, 'retry-after': String(answer.retryAfterSeconds) },
      })
    case 'proof':
      return new Response(answer.proof, {
        headers: { ...PRIVATE, 'content-type': 'text/plain; charset=utf-8' },
      })
    case 'receipt':
      return Response.json(
        { receipt: answer.receipt },
        { headers: { ...PRIVATE, [RECEIPT_HEADER]: answer.receipt } },
      )
    case 'opened':
      return Response.json({ records: answer.records }, { headers: PRIVATE })
  }
}

function explain(reason: string): Response {
  if (!isReason(reason)) return missing()
  const { status, meaning, advice } = REASONS[reason]
  return Response.json({ reason, status, meaning, advice })
}

function missing(): Response {
  return problem(404, 'No such record')
}

function refused(): Response {
  return problem(401, 'Not the receipt of this record', { 'www-authenticate': SCHEME })
}

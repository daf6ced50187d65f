import { formatTime, REASONS, type Reason } from '@countersign/evidence'
import { METHODS } from '../policy/index.ts'
import type { Exchange, ResponseHead } from './exchange.ts'
import { answerStatus, grpcRefusal, isGrpc } from './grpc.ts'
import type { HeaderFields } from './header-fields.ts'
import type { Recorded } from './recording.ts'
import { ownFields } from './response-fields.ts'

const RETRY_AFTER_SECONDS = '5'

/** An answer of the gateway's own (RFC 9457). It says nothing that a caller may not know. */
export function problem(
  exchange: Exchange,
  reason: Reason,
  recorded: Recorded | undefined,
): { readonly head: Omit<ResponseHead, 'isLast'>; readonly body: Uint8Array } {
  if (isGrpc(exchange.inbound.fields)) return grpcProblem(exchange, reason, recorded)
  const { status, meaning, advice } = REASONS[reason]
  const body = new TextEncoder().encode(
    JSON.stringify({
      type: `/.well-known/countersign/reasons/${reason}`,
      title: meaning,
      status,
      detail: advice,
      reason,
      requestId: exchange.id,
      instance:
        recorded === undefined || !recorded.isDurable
          ? `urn:uuid:${exchange.id}`
          : `/.well-known/countersign/receipts/${recorded.epoch}/${recorded.index}`,
      ...waitsFor(exchange),
    }),
  )
  const fields: HeaderFields = [
    ['content-type', 'application/problem+json'],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
    ...extraFields(exchange, status),
    ...ownFields(exchange, recorded).filter(([name]) => name !== 'cache-control'),
  ]
  return { head: { status, fields }, body: exchange.inbound.method === 'HEAD' ? EMPTY : body }
}

function grpcProblem(
  exchange: Exchange,
  reason: Reason,
  recorded: Recorded | undefined,
): ReturnType<typeof problem> {
  const extra = extraFields(exchange, REASONS[reason].status)
  const fields = [...grpcRefusal(reason), ...extra, ...ownFields(exchange, recorded)]
  return { head: { status: answerStatus(exchange, reason), fields }, body: EMPTY }
}

/** What the caller waits for now, and where somebody else can grant it. */
function waitsFor({ asking, inForce }: Exchange): object {
  if (asking === undefined) return {}
  const { id, template, endsUs } = asking
  const { approvalsUrl } = inForce
  const url = approvalsUrl === undefined ? {} : { url: `${approvalsUrl}/api/approvals/${id}` }
  return { approval: { id, template, ...url, expires: formatTime(endsUs) } }
}

function extraFields(
  { inbound, route, challenge, quotas }: Exchange,
  status: number,
): HeaderFields {
  if (challenge !== undefined && status < 500) {
    const { challenges, headers } = challenge
    return [...challenges.map((value) => ['www-authenticate', value] as const), ...headers]
  }
  if (status === 405) return [['allow', (route?.methods ?? METHODS).join(', ')]]
  if (status === 426) {
    // Of a connection, which streams of HTTP/2 say nothing of.
    const upgrade = inbound.version === '2' ? [] : ([['upgrade', 'websocket']] as const)
    return [['sec-websocket-version', '13'], ...upgrade]
  }
  // Whoever is over a limit is told when it ends, by the fields that every answer here has.
  if (quotas?.refusal !== undefined) return []
  return status === 503 ? [['retry-after', RETRY_AFTER_SECONDS]] : []
}

const EMPTY = new Uint8Array()

import type { Reason } from '@countersign/evidence'
import {
  ApprovalError,
  type Approvals,
  type BreakGlass,
  type Redemption,
} from '../approval/index.ts'
import type { ProxyContext } from './context.ts'
import { decideAlone } from './decide.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { valuesOf } from './header-fields.ts'

/** Where a caller says which approval it means: its id, and which of the uses, from 1. */
const APPROVAL_FIELD = 'countersign-approval'
const APPROVAL_FORM = /^(a-[0-9a-f]{16})(?:\/([1-9][0-9]{0,3}))?$/

/** What the proxy needs of approvals. */
export type Approving = Pick<Approvals, 'inForce' | 'ask' | 'redeem'>
/** What it needs of breaking the glass. */
export type GlassBreaking = Pick<BreakGlass, 'activeOf'>

/** Nothing can be approved, and no glass is broken. */
export const NO_APPROVALS: Approving = {
  inForce: () => [],
  ask: async () => undefined,
  redeem: () => Promise.reject(new ApprovalError('APPROVAL_SPENT', 'nothing is ever approved')),
}
export const NO_GLASS: GlassBreaking = { activeOf: () => undefined }

/**
 * Spends a use of the grant that the decision rests on, for good, before anything is recorded as
 * allowed; or asks for the approval that would do.
 */
export function approve(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const { allow, approvals } = filled(exchange.decision, 'decision')
  if (allow && approvals.length === 0) return 'next'
  return allow ? redeem(exchange, context) : ask(exchange, context)
}

async function redeem(exchange: Exchange, context: ProxyContext): Promise<Step> {
  const named = readNamed(exchange)
  if (named !== 'unreadable') {
    const { approvals: templates } = filled(exchange.decision, 'decision')
    try {
      exchange.use = await context.approvals.redeem({ ...requestOf(exchange), templates, named })
      return 'next'
    } catch (cause) {
      if (!isSpent(cause)) return unavailable(exchange, context, cause)
    }
  }
  // The grant was another's, or is gone since the question was asked: it is asked without it.
  decideAlone(exchange, context)
  return ask(exchange, context)
}

async function ask(exchange: Exchange, context: ProxyContext): Promise<Step> {
  const { allow, approvals: templates, reason } = filled(exchange.decision, 'decision')
  const isInQuestion = allow || reason === 'approval-needed'
  // What a policy forbids is forbidden, whatever approval is named: the record says so.
  if (isInQuestion && readNamed(exchange) !== undefined) return { stop: 'approval-refused' }
  const { principal } = exchange
  // A policy may permit just because there is no grant.
  if (allow) return 'next'
  if (reason !== 'approval-needed' || principal?.kind === 'anonymous') return { stop: reason }
  const request = requestOf(exchange)
  // What is redacted could be one path or another: no grant is for the text that stands for both.
  const isRedacted = request.path !== filled(exchange.question, 'question').resource.path
  const isPersonal = isRedacted || filled(exchange.route, 'route').personal.includes('what')
  try {
    exchange.asking = await context.approvals.ask({ ...request, templates, isPersonal })
    return { stop: reason }
  } catch (cause) {
    const isFull = cause instanceof ApprovalError && cause.code === 'APPROVAL_FULL'
    return isFull ? { stop: 'approvals-full' } : unavailable(exchange, context, cause)
  }
}

/** The path as it is forwarded: a grant covers what is done, not what is shown of it. */
function requestOf(
  exchange: Exchange,
): Pick<Redemption, 'principal' | 'method' | 'path' | 'exchange'> {
  const { issuer, id } = filled(exchange.principal, 'principal')
  const { method, path } = filled(exchange.asked, 'asked')
  return { principal: { issuer, id }, method, path, exchange: exchange.id }
}

function readNamed({ inbound }: Exchange): Redemption['named'] | 'unreadable' {
  const values = valuesOf(inbound.fields, APPROVAL_FIELD)
  if (values.length === 0) return undefined
  const [, id, use] = APPROVAL_FORM.exec(values.join(',')) ?? []
  if (id === undefined) return 'unreadable'
  return { id, use: use === undefined ? undefined : Number(use) }
}

function isSpent(cause: unknown): boolean {
  return cause instanceof ApprovalError && cause.code === 'APPROVAL_SPENT'
}

function unavailable(
  { id }: Exchange,
  { report }: ProxyContext,
  cause: unknown,
): { readonly stop: Reason } {
  report({ event: 'ledger-unavailable', exchange: id, cause })
  return { stop: 'ledger-unavailable' }
}

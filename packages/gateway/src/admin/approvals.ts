import { formatTime, type JsonObject } from '@countersign/evidence'
import { z } from 'zod'
import {
  type Activation,
  type Approval,
  ApprovalError,
  isOverdue,
  type Person,
} from '../approval/index.ts'
import { lastSegment, plain, unrecorded } from './containment.ts'
import { answer, problem } from './problem.ts'
import { readJson } from './read-json.ts'
import { reasonSchema } from './recorded-text.ts'
import type { ActDone, AdminCaller, AdminParts } from './route.ts'

const TEXT_LENGTH_MAX = 1000

const grantSchema = z.strictObject({
  methods: z.array(z.string().max(32)).min(1).max(16).optional(),
  path: z.string().max(TEXT_LENGTH_MAX).optional(),
  uses: z.int().min(1).optional(),
  forMs: z.int().min(1000).optional(),
  reason: reasonSchema.optional(),
})
const denySchema = z.strictObject({ reason: reasonSchema.optional() })
const activateSchema = z.strictObject({ reason: reasonSchema, forMs: z.int().min(1000).optional() })
const nothingSchema = z.strictObject({})
const reviewSchema = z.strictObject({ note: reasonSchema })

export function listApprovals(_request: Request, { approvals }: AdminParts): ActDone {
  return { response: answer({ approvals: approvals.list().map(shownApproval) }) }
}

/** Where the URL in an answer leads an approver. */
export function showApproval(request: Request, { approvals }: AdminParts): ActDone {
  const id = lastSegment(request)
  const found = approvals.list().find((each) => each.id === id)
  if (found !== undefined) return { response: answer(shownApproval(found)) }
  return { response: problem(404, `no approval ${id} waits or is in force`) }
}

export async function grantApproval(
  request: Request,
  { approvals }: AdminParts,
  caller: AdminCaller,
): Promise<ActDone> {
  const order = await readJson(request, grantSchema)
  const id = lastSegment(request, 2)
  return told(id, async () => {
    return shownApproval(await approvals.grant(id, { ...order, by: personOf(caller) }))
  })
}

export async function denyApproval(
  request: Request,
  { approvals }: AdminParts,
  caller: AdminCaller,
): Promise<ActDone> {
  const { reason } = await readJson(request, denySchema)
  const id = lastSegment(request, 2)
  return told(id, async () => {
    await approvals.deny(id, { by: personOf(caller), reason })
    return { denied: id }
  })
}

export function listBreakGlass(_request: Request, { breakGlass, nowUs }: AdminParts): ActDone {
  const now = nowUs()
  const activations = breakGlass.list().map((each) => shownActivation(each, now))
  return { response: answer({ activations, overdue: breakGlass.overdue(now) }) }
}

export async function activateBreakGlass(
  request: Request,
  { breakGlass, nowUs }: AdminParts,
  caller: AdminCaller,
): Promise<ActDone> {
  const { reason, forMs } = await readJson(request, activateSchema)
  const by = { ...personOf(caller), mfaAtUs: caller.credential?.mfaAtUs }
  return told(undefined, async () => {
    return shownActivation(await breakGlass.activate({ by, reason, forMs }), nowUs())
  })
}

export async function confirmBreakGlass(
  request: Request,
  { breakGlass, nowUs }: AdminParts,
  caller: AdminCaller,
): Promise<ActDone> {
  await readJson(request, nothingSchema)
  const id = lastSegment(request, 2)
  return told(id, async () => {
    return shownActivation(await breakGlass.confirm(id, personOf(caller)), nowUs())
  })
}

export async function reviewBreakGlass(
  request: Request,
  { breakGlass }: AdminParts,
  caller: AdminCaller,
): Promise<ActDone> {
  const { note } = await readJson(request, reviewSchema)
  const id = lastSegment(request, 2)
  return told(id, async () => {
    const isReviewer = caller.roles.has('approver')
    await breakGlass.review(id, { by: personOf(caller), note, isReviewer })
    return { reviewed: id }
  })
}

function personOf({ principal }: AdminCaller): Person {
  const { issuer, id, groups, roles } = principal
  return { issuer, id, groups, roles }
}

async function told(target: string | undefined, run: () => Promise<JsonObject>): Promise<ActDone> {
  try {
    const value = await run()
    const { id } = value
    return { response: answer(value), target: target ?? (typeof id === 'string' ? id : undefined) }
  } catch (error) {
    if (!(error instanceof ApprovalError)) return { ...unrecorded(), target }
    const { code, message } = error
    return { response: problem(STATUS[code], message, {}, { code }), target, parameters: { code } }
  }
}

const STATUS = {
  APPROVAL_UNKNOWN: 404,
  APPROVAL_OWN: 403,
  APPROVAL_NOT_ALLOWED: 403,
  APPROVAL_ANSWERED: 409,
  APPROVAL_STILL_ACTIVE: 409,
  APPROVAL_UNSAVED: 503,
  APPROVAL_SPENT: 409,
  APPROVAL_TOO_WIDE: 422,
  APPROVAL_FULL: 507,
  APPROVAL_STATE_INVALID: 500,
} as const

function shownApproval(approval: Approval): JsonObject {
  const { id, template, principal, method, path, askedUs, endsUs, grant } = approval
  return plain({
    id,
    template,
    principal,
    method,
    path,
    asked: formatTime(askedUs),
    until: formatTime(endsUs),
    state: grant === undefined ? 'pending' : 'granted',
    grant: grant && {
      methods: grant.methods,
      path: grant.path,
      by: grant.by,
      uses: grant.uses,
      used: grant.used,
    },
  })
}

function shownActivation(activation: Activation, nowUs: number): JsonObject {
  const { id, principal, reason, state, askedUs, endsUs, confirmedBy, reviewByUs } = activation
  const isLate = isOverdue(activation, nowUs)
  return plain({
    id,
    principal,
    reason,
    state,
    asked: formatTime(askedUs),
    until: formatTime(endsUs),
    confirmedBy,
    reviewBy: reviewByUs === undefined ? undefined : formatTime(reviewByUs),
    overdueMs: isLate ? Math.floor((nowUs - (reviewByUs ?? nowUs)) / 1000) : undefined,
  })
}

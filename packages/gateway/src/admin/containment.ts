import { formatTime, type JsonObject } from '@countersign/evidence'
import { z } from 'zod'
import {
  ContainmentError,
  MEASURE_MS_MAX,
  type Measure,
  targetSchema,
} from '../containment/index.ts'
import { apiKeyPrefix } from '../identity/index.ts'
import { answer, problem } from './problem.ts'
import { readJson } from './read-json.ts'
import { HOLDS_CREDENTIAL, holdsCredential, reasonSchema } from './recorded-text.ts'
import type { ActDone, AdminCaller, AdminParts } from './route.ts'

const HOUR_MS = 3_600_000

/** Whoever has a key at hand that is in the wrong hands means what it is named by. */
const named = z.preprocess((target) => {
  if (!isKey(target)) return target
  return { ...target, id: apiKeyPrefix(target.id) ?? target.id }
}, targetSchema)

const orderSchema = z.strictObject({
  target: named.superRefine((target, context) => {
    for (const [name, text] of Object.entries(target)) {
      if (text === undefined || !holdsCredential(text)) continue
      context.addIssue({ code: 'custom', path: [name], message: HOLDS_CREDENTIAL })
    }
  }),
  reason: reasonSchema,
  forMs: z.int().min(1000).max(MEASURE_MS_MAX).default(HOUR_MS),
})

const liftSchema = z.strictObject({ reason: reasonSchema })

function isKey(target: unknown): target is { readonly id: string } {
  const { kind, id } = { ...(target as { readonly kind?: unknown; readonly id?: unknown }) }
  return kind === 'credential' && typeof id === 'string'
}

/**
 * Takes effect at once, before it is written down: the answer says what is known to be kept, and
 * whether there is such a route or upstream, which a reload may bring.
 */
export async function contain(
  request: Request,
  { containment, isConfigured }: AdminParts,
  { principal, address: from }: AdminCaller,
): Promise<ActDone> {
  const order = await readJson(request, orderSchema)
  const by = { issuer: principal.issuer, id: principal.id }
  try {
    const { measure, isDurable, isRecorded } = await containment.contain({ ...order, by, from })
    const { target } = measure
    const isNamed = target.kind === 'route' || target.kind === 'upstream'
    const known = isNamed ? { known: isConfigured(target.kind, target.name) } : {}
    const value = { ...shown(measure), ...known, durable: isDurable, recorded: isRecorded }
    return { response: answer(value, 201), isRecorded: true }
  } catch (error) {
    return refused(error)
  }
}

export function listContained(_request: Request, { containment }: AdminParts): ActDone {
  return { response: answer({ measures: containment.list().map(shown) }) }
}

/** On record before it takes effect: what cannot be recorded stays under quarantine. */
export async function lift(
  request: Request,
  { containment }: AdminParts,
  { principal, address: from }: AdminCaller,
): Promise<ActDone> {
  const id = lastSegment(request)
  const { reason: why } = await readJson(request, liftSchema)
  try {
    const by = { issuer: principal.issuer, id: principal.id }
    await containment.lift(id, { by, from, reason: why })
    return { response: answer({ lifted: id }), isRecorded: true }
  } catch (error) {
    return { ...refused(error), target: id }
  }
}

/** The id that a path ends with. */
export function lastSegment({ url }: Request, fromEnd = 1): string {
  const segment = new URL(url).pathname.split('/').at(-fromEnd) ?? ''
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // No id of ours has anything to decode.
  }
}

function shown({ id, target, reason: why, by, fromUs, untilUs }: Measure): JsonObject {
  const times = { from: formatTime(fromUs), until: formatTime(untilUs) }
  return { id, target: plain(target), reason: why, by: plain(by), ...times }
}

/** Without what is not there. */
export function plain(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject
}

const STATUS = {
  CONTAINMENT_UNKNOWN: 404,
  CONTAINMENT_FULL: 507,
  CONTAINMENT_TARGET_INVALID: 422,
  CONTAINMENT_STATE_INVALID: 500,
} as const

function refused(error: unknown): ActDone {
  if (!(error instanceof ContainmentError)) return unrecorded()
  return { response: problem(STATUS[error.code], error.message, {}, { code: error.code }) }
}

/** What only counts when it is on record, and cannot be: nothing has changed. */
export function unrecorded(): ActDone {
  const detail = 'Nothing has changed; try again when the ledger can be written.'
  return { response: problem(503, 'The ledger cannot take it', {}, { detail }) }
}

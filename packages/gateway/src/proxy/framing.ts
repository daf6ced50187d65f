import type { Reason } from '@countersign/evidence'
import { HOP_BY_HOP, lookAlike } from './field-names.ts'
import { type HeaderFields, listMembers, valuesOf } from './header-fields.ts'

/** How the body of a request is framed: its length, or chunked. */
export type Framing = { readonly bytes: number | undefined } | { readonly refused: Reason }

const LENGTH_FORM = /^(0|[1-9][0-9]{0,15})$/
/** A number that somebody's reader may hold; what is beyond it is no length at all. */
const NUMBER_FORM = /^0*[0-9]{1,20}$/
const NUMBER_MAX = 2n ** 64n - 1n
const NAME_FORM = /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/

/** Fields that a client must not have removed: the message or the decision hangs on them. */
const NOT_HOP_BY_HOP = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'expect',
  'date',
])

/**
 * Reads where the body ends, from the fields as received; `hasBody` where the engine's framing has
 * an end of its own. What says it twice, or in no form at all, is no request.
 */
export function readFraming(fields: HeaderFields, hasBody?: boolean): Framing {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (codings.length > 0) return lengths.length > 0 ? MALFORMED : readCoding(codings)
  const [length, second] = lengths
  if (length === undefined) return hasBody === true ? CHUNKED : NO_BODY
  if (second !== undefined) return MALFORMED
  const bytes = LENGTH_FORM.test(length) ? Number(length) : Number.NaN
  if (Number.isSafeInteger(bytes)) return { bytes }
  const isNumber = NUMBER_FORM.test(length) && BigInt(length) <= NUMBER_MAX
  return isNumber ? { refused: 'malformed-framing' } : MALFORMED
}

function readCoding([coding = '', second]: readonly string[]): Framing {
  if (second !== undefined) return MALFORMED
  const members = coding.toLowerCase().split(',')
  const chunkedAt = members.findIndex((member) => /^[ \t]*chunked[ \t]*$/.test(member))
  if (chunkedAt === -1) return { refused: 'coding-refused' }
  // Where it is not the last, nobody knows where the body ends.
  if (chunkedAt < members.length - 1) return MALFORMED
  return members.length === 1 ? CHUNKED : { refused: 'coding-refused' }
}

const MALFORMED: Framing = { refused: 'malformed-request' }
const CHUNKED: Framing = { bytes: undefined }
const NO_BODY: Framing = { bytes: 0 }

/**
 * Refuses names that another reader could take for another name (`X_Auth_User`), and a `Connection`
 * that would remove what the message is read by.
 */
export function refuseAmbiguous(fields: HeaderFields): Reason | undefined {
  if (fields.some(([name]) => !NAME_FORM.test(name))) return 'ambiguous-header'
  const nominated = listMembers(valuesOf(fields, 'connection'))
  if (nominated.includes('transfer-encoding')) return 'ambiguous-header'
  return nominated.some((name) => NOT_HOP_BY_HOP.has(name)) ? 'ambiguous-header' : undefined
}

const ORDINARY = /^[A-Za-z0-9-]+$/

/**
 * Names of which an upstream reads something else than what came under them: `Connection` takes the
 * field away, or another field's name looks like it.
 */
export function doubtfulNames(fields: HeaderFields): readonly string[] {
  const names = listMembers(valuesOf(fields, 'connection')).map(lookAlike)
  for (const [name] of fields) {
    if (!ORDINARY.test(name)) names.push(lookAlike(name))
  }
  return names.filter((name) => name !== 'close' && !HOP_BY_HOP.has(name))
}

import type { Reason } from '@countersign/evidence'
import { type HeaderFields, listMembers, valuesOf } from './header-fields.ts'

/** How the body of a request is framed: its length, or chunked. */
export type Framing = { readonly bytes: number | undefined } | { readonly refused: Reason }

const LENGTH_FORM = /^(0|[1-9][0-9]{0,15})$/
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
 * an end of its own. The engine has its own checks; these hold for any engine, and go on to refuse
 * what it takes.
 */
export function readFraming(fields: HeaderFields, hasBody?: boolean): Framing {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (codings.length > 0) {
    if (lengths.length > 0 || codings.length > 1) return { refused: 'malformed-framing' }
    const chunked = codings[0]?.toLowerCase() === 'chunked'
    return chunked ? { bytes: undefined } : { refused: 'coding-refused' }
  }
  const [length, second] = lengths
  if (length === undefined) return { bytes: hasBody === true ? undefined : 0 }
  if (second !== undefined || !LENGTH_FORM.test(length)) return { refused: 'malformed-framing' }
  const bytes = Number(length)
  return Number.isSafeInteger(bytes) ? { bytes } : { refused: 'malformed-framing' }
}

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

import { readLatin1, writeLatin1 } from '../platform/index.ts'
import type { ProxyContext } from './context.ts'

/** A trace of ours, as text: what goes into records and heads best lies in one piece. */
const ours = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`)
const TRACE_AT = 3
const TRACE_DIGITS = 32
const SPAN_AT = 36
const SPAN_DIGITS = 16
const SAMPLED_AT = 54
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const ZEROS = /^0+$/

/**
 * The `traceparent` that goes on: the caller's trace under a span of our own, or a new trace where
 * the caller's is missing, given twice or malformed: sampled as `tracing` says.
 *
 * @see W3C Trace Context, section 3.2
 */
export function continueTrace(
  received: readonly string[],
  { hex, tracing }: Pick<ProxyContext, 'hex' | 'tracing'>,
): string {
  const sent = received.length === 1 ? readSent(received[0] ?? '') : undefined
  if (sent === undefined) hex.write(ours, TRACE_AT, TRACE_DIGITS)
  else writeLatin1(ours, TRACE_AT, sent.trace, TRACE_DIGITS)
  hex.write(ours, SPAN_AT, SPAN_DIGITS)
  const isSampled = sent === undefined ? tracing?.samplesNew() === true : sent.isSampled
  ours[SAMPLED_AT] = isSampled ? ONE : ZERO
  return readLatin1(ours, 0, ours.length)
}

/** Whether the trace that goes on is the caller’s: `tracestate` says nothing of any other. */
export function isContinued(received: readonly string[]): boolean {
  return received.length === 1 && readSent(received[0] ?? '') !== undefined
}

const ZERO = 0x30
const ONE = 0x31

/** Undefined for what is malformed. */
function readSent(
  text: string,
): { readonly trace: string; readonly isSampled: boolean } | undefined {
  const [, version, trace, parent, flags, more] = FORM.exec(text) ?? []
  const isValid =
    trace !== undefined &&
    parent !== undefined &&
    version !== 'ff' &&
    !(version === '00' && more !== undefined) &&
    !ZEROS.test(trace) &&
    !ZEROS.test(parent)
  if (!isValid) return undefined
  // A later version may mean more by its flags; of those only `sampled` is known to us.
  return { trace, isSampled: (Number.parseInt(flags ?? '00', 16) & 1) === 1 }
}

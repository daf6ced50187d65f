import type { ProxyContext } from './context.ts'

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
  { random, tracing }: Pick<ProxyContext, 'random' | 'tracing'>,
): string {
  const { buffer, byteOffset, length } = random.bytes(24)
  const ours = Buffer.from(buffer, byteOffset, length).toString('hex')
  const span = ours.slice(32)
  const [, version, trace, parent, flags, more] =
    received.length === 1 ? (FORM.exec(received[0] ?? '') ?? []) : []
  const isValid =
    trace !== undefined &&
    parent !== undefined &&
    version !== 'ff' &&
    !(version === '00' && more !== undefined) &&
    !ZEROS.test(trace) &&
    !ZEROS.test(parent)
  // A later version may mean more by its flags; of those only `sampled` is known to us.
  if (isValid) return `00-${trace}-${span}-${Number.parseInt(flags ?? '00', 16) & 1 ? '01' : '00'}`
  return `00-${ours.slice(0, 32)}-${span}-${tracing?.samplesNew() === true ? '01' : '00'}`
}

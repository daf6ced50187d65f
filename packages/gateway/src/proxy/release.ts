import type { Reason } from '@countersign/evidence'
import { UpstreamFault } from '../upstream/index.ts'
import type { BodyMeter } from './body-meter.ts'
import { captureEnds, keep } from './capture/capture-stage.ts'
import type { ProxyContext } from './context.ts'
import { type Exchange, filled, type Step } from './exchange.ts'
import { faultReason } from './forward.ts'
import type { HeaderFields } from './header-fields.ts'
import { becomeLongLived } from './long-lived.ts'
import { endedBy, recordOutcome, recordOutcomeThen } from './outcome.ts'
import { addPiece } from './pieces.ts'
import type { Recorded } from './recording.ts'
import { madeLines, passFields, readHead, receiptField } from './response-fields.ts'
import { passTrailers } from './trailers.ts'

const NOTHING = new Uint8Array()
const NO_FIELDS: HeaderFields = []
const RESET_CONTENT = 205
const BODYLESS: ReadonlySet<number> = new Set([204, RESET_CONTENT, 304])

/** Lets the response go, its end never before its outcome is durable. */
export function release(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const held: Uint8Array[] = []
  try {
    const isWhole = mayHold(exchange) && hold(exchange, context, held)
    if (isWhole === true) return releaseWhole(exchange, context, held)
    return releaseLater(exchange, context, held, isWhole)
  } catch (fault) {
    return { stop: faultReason(exchange, context, fault) }
  }
}

/** Where the end of the response is still to come. */
async function releaseLater(
  exchange: Exchange,
  context: ProxyContext,
  held: Uint8Array[],
  isWhole: Promise<boolean> | boolean,
): Promise<Step> {
  try {
    if (await isWhole) return await releaseWhole(exchange, context, held)
  } catch (fault) {
    return { stop: faultReason(exchange, context, fault) }
  }
  if (readHead(exchange).isEager) becomeLongLived(exchange, context)
  const { reason } = exchange.cut
  if (reason !== undefined) return { stop: reason }
  return releaseStream(exchange, context, held)
}

/** A head alone is whole. To hold back a stream of events, or what cannot fit, only delays it. */
function mayHold(exchange: Exchange): boolean {
  if (isBodyless(exchange)) return true
  const { limits } = exchange.inForce
  const { isEager, claimedBytes } = readHead(exchange)
  if (filled(exchange.route, 'route').release === 'stream' || isEager) return false
  return !(claimedBytes > limits.releaseBufferBytesMax)
}

/** Gathers the body; false when it turns out not to fit. A promise only where it must wait. */
function hold(
  exchange: Exchange,
  context: ProxyContext,
  held: Uint8Array[],
): boolean | Promise<boolean> {
  for (;;) {
    const found = takeChunk(exchange, context)
    if (found instanceof Promise) return holdLater(exchange, context, held, found)
    if (found === undefined) return true
    addPiece(held, found)
    if (exchange.received.bytes > exchange.inForce.limits.releaseBufferBytesMax) return false
  }
}

async function holdLater(
  exchange: Exchange,
  context: ProxyContext,
  held: Uint8Array[],
  first: Promise<Uint8Array | undefined>,
): Promise<boolean> {
  let found: ReturnType<typeof takeChunk> = first
  for (;;) {
    // What is there already is taken without a turn of the queue.
    const chunk = found instanceof Promise ? await found : found
    if (chunk === undefined) return true
    addPiece(held, chunk)
    if (exchange.received.bytes > exchange.inForce.limits.releaseBufferBytesMax) return false
    found = takeChunk(exchange, context)
  }
}

/** A promise only where it is not there yet. Throws UpstreamFault. */
function takeChunk(
  exchange: Exchange,
  { clock }: ProxyContext,
): Uint8Array | undefined | Promise<Uint8Array | undefined> {
  const found = filled(exchange.call, 'call').read()
  return found instanceof Promise ? waitFor(exchange, clock, found) : take(exchange, clock, found)
}

async function waitFor(
  exchange: Exchange,
  clock: ProxyContext['clock'],
  found: Promise<Uint8Array | undefined>,
): Promise<Uint8Array | undefined> {
  const { deadlines, inForce, upstream, isLongLived } = exchange
  const idleMs = upstream?.timeouts.responseIdleMs ?? inForce.limits.responseIdleMs
  if (isLongLived) deadlines.set('response', inForce.limits.streamIdleMs, 'idle-timeout')
  else deadlines.set('response', idleMs, 'upstream-timeout')
  try {
    return take(exchange, clock, await found)
  } finally {
    deadlines.meet('response')
  }
}

function take(
  { marks, received, response, call }: Exchange,
  clock: ProxyContext['clock'],
  chunk: Uint8Array | undefined,
): Uint8Array | undefined {
  if (chunk === undefined) marks.endMs = clock.ticksMs()
  else received.add(chunk)
  if (chunk !== undefined && response?.status === RESET_CONTENT) {
    // HTTP/2 engines send none of it, whatever they are given: the record would tell of it.
    call?.abort('upstream-protocol')
    throw new UpstreamFault('upstream-protocol', 'content in a 205 (RFC 9110, section 15.3.6)')
  }
  return chunk
}

function releaseWhole(
  exchange: Exchange,
  context: ProxyContext,
  held: readonly Uint8Array[],
): Step | Promise<Step> {
  if (exchange.capture !== undefined) return releaseCaptured(exchange, context, held)
  const course = filled(exchange.course, 'course')
  recordOutcomeThen(exchange, context, wholeFacts(exchange), (outcome) => {
    let step: Step | Promise<Step>
    try {
      step = send(exchange, context, held, outcome)
    } catch (cause) {
      course.failed(cause)
      return
    }
    course.follow(step)
  })
  return 'later'
}

async function releaseCaptured(
  exchange: Exchange,
  context: ProxyContext,
  held: readonly Uint8Array[],
): Promise<Step> {
  for (const chunk of held) await keep(exchange, 'response', chunk)
  if (!(await captureEnds(exchange))) return { stop: 'capture-failed' }
  const outcome = await recordOutcome(exchange, context, wholeFacts(exchange))
  return send(exchange, context, held, outcome)
}

function wholeFacts({ response, received }: Exchange): Parameters<typeof recordOutcome>[2] {
  const { status } = filled(response, 'response')
  return { ended: 'released', status, source: 'upstream', response: received.facts() }
}

/** Sends what is whole and on record. */
function send(
  exchange: Exchange,
  context: ProxyContext,
  held: readonly Uint8Array[],
  outcome: Recorded | undefined,
): Step | Promise<Step> {
  if (outcome === undefined) return { stop: 'outcome-unrecorded' }
  const { inbound, outbound, deadlines, received } = exchange
  const { status } = filled(exchange.response, 'response')
  const trailers = upstreamTrailers(exchange)
  // A length in HTTP/1.1 leaves no place for trailers.
  const length = trailers.length > 0 ? undefined : wholeLength(exchange, received.bytes)
  exchange.status = status
  outbound.begin({
    status,
    kept: passFields(exchange),
    length,
    fields: NO_FIELDS,
    made: madeLines(exchange, outcome),
    isLast: !inbound.isComplete() || context.isStopping(),
  })
  const taken = outbound.end(joined(held), trailers)
  if (taken === undefined) return 'answered'
  deadlines.set('release', exchange.inForce.limits.releaseIdleMs, 'client-aborted')
  return taken.then(() => 'answered')
}

/** The length as counted; for an answer without a body, the one that the upstream claims. */
function wholeLength(exchange: Exchange, bytes: number): string | undefined {
  if (!isBodyless(exchange)) return String(bytes)
  const { status } = filled(exchange.response, 'response')
  return status === 204 ? undefined : readHead(exchange).claimed
}

/**
 * Streams with one chunk held back, so that the last one leaves when the outcome is durable. Of
 * events only the end of the message is held back: each event is due when it happens.
 */
async function releaseStream(
  exchange: Exchange,
  context: ProxyContext,
  held: Uint8Array[],
): Promise<Step> {
  const released = exchange.received.further(held)
  exchange.released = released
  try {
    const mustNotWait = readHead(exchange).isEager
    if (mustNotWait || isHeadDue(exchange)) beginStream(exchange, context)
    let last = await releaseAllButLast(exchange, context, held, released)
    for (;;) {
      if (mustNotWait) last = await writeOut(exchange, context, last, released)
      const chunk = await takeChunk(exchange, context)
      if (chunk === undefined) break
      await writeOut(exchange, context, last, released)
      last = chunk
    }
    return await endStream(exchange, context, last, released)
  } catch (fault) {
    return breakStream(exchange, context, faultReason(exchange, context, fault), released)
  }
}

/** Its head does not wait for anything that follows it. */
function isHeadDue({ route }: Exchange): boolean {
  return filled(route, 'route').release === 'stream'
}

/** With the first bytes that leave: until then the answer can still become another one. */
function beginStream(exchange: Exchange, context: ProxyContext): void {
  if (exchange.isStreaming) return
  const { status } = filled(exchange.response, 'response')
  const { claimed: length, isEager, isEvents } = readHead(exchange)
  // Chunked framing has an end of its own to hold back, and takes trailers.
  const isChunked =
    length === undefined || isEvents || filled(exchange.asked, 'asked').takesTrailers
  exchange.isStreaming = true
  exchange.status = status
  exchange.outbound.begin({
    status,
    kept: passFields(exchange),
    length: isChunked ? undefined : length,
    fields:
      isChunked && filled(exchange.asked, 'asked').takesTrailers
        ? [['trailer', receiptTrailers(exchange)]]
        : NO_FIELDS,
    made: madeLines(exchange, exchange.intent),
    isLast: !exchange.inbound.isComplete() || context.isStopping(),
    isEager: isEager || isHeadDue(exchange),
  })
}

/** Of a relaxed exchange nobody knows yet which of them it will be. */
function receiptTrailers({ intent }: Exchange): string {
  const always = 'countersign-receipt'
  return intent?.isRelaxed === true ? `${always}, ${always}-pending` : always
}

async function releaseAllButLast(
  exchange: Exchange,
  context: ProxyContext,
  held: Uint8Array[],
  released: BodyMeter,
): Promise<Uint8Array> {
  const last = held.pop() ?? NOTHING
  for (const chunk of held) await writeOut(exchange, context, chunk, released)
  return last
}

async function writeOut(
  exchange: Exchange,
  context: ProxyContext,
  chunk: Uint8Array,
  released: BodyMeter,
): Promise<Uint8Array> {
  if (chunk.length === 0) return NOTHING
  const { outbound, deadlines, inForce } = exchange
  if (exchange.capture !== undefined) await keep(exchange, 'response', chunk)
  beginStream(exchange, context)
  released.add(chunk)
  deadlines.set('release', inForce.limits.releaseIdleMs, 'client-aborted')
  await outbound.write(chunk)
  deadlines.meet('release')
  return NOTHING
}

async function endStream(
  exchange: Exchange,
  context: ProxyContext,
  last: Uint8Array,
  released: BodyMeter,
): Promise<Step> {
  if (exchange.capture !== undefined) {
    await keep(exchange, 'response', last)
    if (!(await captureEnds(exchange))) {
      exchange.capture.lose('response')
      return breakStream(exchange, context, 'capture-failed', released)
    }
  }
  beginStream(exchange, context)
  released.add(last)
  const outcome = await recordOutcome(exchange, context, {
    ended: 'released',
    status: filled(exchange.response, 'response').status,
    source: 'upstream',
    response: released.facts(),
  })
  if (outcome === undefined) {
    exchange.outbound.destroy()
    return 'answered'
  }
  exchange.deadlines.set('release', exchange.inForce.limits.releaseIdleMs, 'client-aborted')
  await exchange.outbound.end(last, trailers(exchange, outcome))
  return 'answered'
}

/**
 * What the client has a part of must not look whole, and the record says how far it came. Of which
 * it has nothing it hears why, as of any other.
 */
async function breakStream(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
  released: BodyMeter,
): Promise<Step> {
  if (!exchange.isStreaming) return { stop: reason }
  const ended = endedBy(reason) === 'released' ? 'upstream-aborted' : endedBy(reason)
  await recordOutcome(exchange, context, {
    ended,
    status: filled(exchange.response, 'response').status,
    source: 'upstream',
    error: reason,
    response: released.facts(),
  })
  exchange.outbound.destroy()
  return 'answered'
}

function trailers(exchange: Exchange, outcome: Recorded): HeaderFields {
  const { takesTrailers } = filled(exchange.asked, 'asked')
  return takesTrailers ? [...upstreamTrailers(exchange), receiptField(outcome)] : []
}

function isBodyless(exchange: Exchange): boolean {
  const { status } = filled(exchange.response, 'response')
  return filled(exchange.asked, 'asked').method === 'HEAD' || BODYLESS.has(status)
}

/** Those that go on to a client that takes any. */
function upstreamTrailers(exchange: Exchange): HeaderFields {
  if (!filled(exchange.asked, 'asked').takesTrailers || isBodyless(exchange)) return NO_FIELDS
  return passTrailers(exchange, filled(exchange.call, 'call').trailers, 'response')
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const first = chunks[0] ?? NOTHING
  if (chunks.length < 2) return first
  return adjacent(first, chunks) ?? Buffer.concat(chunks)
}

/** Chunks that lie one behind the other in memory are one already. */
function adjacent(first: Uint8Array, chunks: readonly Uint8Array[]): Uint8Array | undefined {
  let end = first.byteOffset
  for (const { buffer, byteOffset, length } of chunks) {
    if (buffer !== first.buffer || byteOffset !== end) return undefined
    end += length
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset)
}

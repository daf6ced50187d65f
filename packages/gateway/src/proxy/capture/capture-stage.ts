import type { Reason, SampleFacts } from '@countersign/evidence'
import type { ProxyContext } from '../context.ts'
import { draftWhere, draftWho } from '../drafts.ts'
import { type Exchange, filled, type Step } from '../exchange.ts'
import { addPiece } from '../pieces.ts'
import type { RouteConfig } from '../proxy-config.ts'
import { TransferRate } from '../transfer-rate.ts'
import { BodyCapture } from './body-capture.ts'
import { bodyType, typeRanges } from './body-type.ts'
import { type CaptureConfig, type Direction, redacts } from './capture-config.ts'
import { ExchangeCapture } from './exchange-capture.ts'
import { Redaction } from './redaction.ts'

const MILLION = 1_000_000

/** What a route's configuration says, made ready once. */
interface Plan {
  readonly config: CaptureConfig
  readonly takes: (type: string | undefined) => boolean
  readonly redaction: Redaction | undefined
}

const plans = new WeakMap<CaptureConfig, Plan>()

function planOf({ capture: config }: Pick<RouteConfig, 'capture'>): Plan | undefined {
  if (config === undefined) return undefined
  let plan = plans.get(config)
  if (plan === undefined) {
    const redaction = redacts(config.redact) ? new Redaction(config.redact) : undefined
    plan = { config, takes: typeRanges(config.types), redaction }
    plans.set(config, plan)
  }
  return plan
}

/**
 * Decides whether the bodies of a permitted request are kept. A request body that is short enough
 * is read, sealed and durable before the intent that names it, and so before any of it goes on.
 */
export function capture(exchange: Exchange, context: ProxyContext): Step | Promise<Step> {
  const plan = planOf(filled(exchange.route, 'route'))
  if (plan === undefined || plan.config.on === 'refusal') return 'next'
  const { bodyBytes, webSocket } = filled(exchange.asked, 'asked')
  if (webSocket !== undefined) return 'next'
  exchange.capture ??= begin(exchange, context, plan)
  const isEarly =
    bodyBytes !== undefined && bodyBytes > 0 && bodyBytes <= plan.config.beforeBytesMax
  const wantsRequest =
    plan.config.directions.includes('request') && isDrawn(exchange.capture.sample)
  return isEarly && wantsRequest ? captureEarly(exchange, context, exchange.capture) : 'next'
}

async function captureEarly(
  exchange: Exchange,
  context: ProxyContext,
  kept: ExchangeCapture,
): Promise<Step> {
  if (exchange.inbound.isWaiting) exchange.inbound.invite()
  await read(exchange, context, async (chunk) => {
    addPiece(kept.early, chunk)
    kept.read.add(chunk)
    await kept.add('request', chunk)
    return true
  })
  const { cut } = exchange
  if (cut.reason !== undefined) return { stop: cut.reason }
  kept.isRead = true
  return (await kept.end('request', true)) ? 'next' : { stop: 'capture-unavailable' }
}

/** Keeps the body of a request that is refused, as far as it comes without being asked for. */
export async function captureRefused(
  exchange: Exchange,
  context: ProxyContext,
  reason: Reason,
): Promise<void> {
  const { route, asked, inbound, cut } = exchange
  const plan = route && planOf(route)
  if (plan === undefined || asked === undefined || asked.webSocket !== undefined) return
  if (!plan.config.directions.includes('request')) return
  exchange.capture ??= begin(exchange, context, plan)
  const kept = exchange.capture
  if (asked.bodyBytes === 0 || !isDrawn(kept.sample) || kept.facts('request') !== undefined) return
  if (reason === 'disk-reserve') return kept.leave('request', 'no-space')
  if (inbound.isWaiting || cut.reason !== undefined) {
    await kept.end('request', false)
    return kept.leave('request', 'not-sent')
  }
  if (!kept.isRead) {
    kept.isRead = await read(exchange, context, async (chunk) => {
      kept.read.add(chunk)
      await kept.add('request', chunk)
      return kept.read.bytes <= plan.config.bodyBytesMax && !kept.hasFailed
    })
  }
  await kept.end('request', kept.isRead)
}

/** Of a body on its way, in either direction; undefined where there is nothing to wait for. */
export function keep(
  exchange: Exchange,
  direction: Direction,
  chunk: Uint8Array,
): undefined | Promise<void> {
  return exchange.capture?.add(direction, chunk)
}

/** Seals what has passed. False: what had to be kept is not. */
export async function captureEnds(exchange: Exchange): Promise<boolean> {
  const { capture: kept, marks } = exchange
  if (kept === undefined) return true
  const isSent = kept.isRead || marks.sentMs !== undefined
  const sides = [kept.end('request', isSent), kept.end('response', marks.endMs !== undefined)]
  const [request, response] = await Promise.all(sides)
  return request === true && response === true && !kept.hasFailed
}

function begin(exchange: Exchange, context: ProxyContext, plan: Plan): ExchangeCapture {
  const { config, takes, redaction } = plan
  const sample = draw(config, context)
  const { captureBytesMax: memoryBytesMax } = exchange.inForce.limits
  const open = (direction: Direction): BodyCapture | { uncaptured: string } | undefined => {
    if (!config.directions.includes(direction) || !isDrawn(sample)) return undefined
    const fields = direction === 'request' ? exchange.inbound.fields : exchange.response?.fields
    const type = bodyType(fields ?? [])
    if (!takes(type.type)) return { uncaptured: 'type' }
    const { bodyBytesMax } = config
    const { captures: memory, recorder, redactor } = context
    const start = () => recorder.bodies.begin(draftWho(exchange), draftWhere(exchange))
    const how = { type, bodyBytesMax, redaction, redactor, memory, memoryBytesMax }
    return new BodyCapture({ ...how, begin: start })
  }
  const onFault = (cause: unknown): void => {
    context.report({ event: 'capture-failed', exchange: exchange.id, cause })
    // What goes on without its record being whole goes no further.
    if (exchange.intent !== undefined && !exchange.isConcluded) exchange.cut.make('capture-failed')
  }
  return new ExchangeCapture({ sample, open, onFault })
}

function draw(
  { samplePerMillion }: CaptureConfig,
  { random }: ProxyContext,
): SampleFacts | undefined {
  if (samplePerMillion === MILLION) return undefined
  const bytes = Buffer.from(random.bytes(6))
  return { perMillion: samplePerMillion, drawn: bytes.readUIntBE(0, 6) % MILLION }
}

function isDrawn(sample: SampleFacts | undefined): boolean {
  return sample === undefined || sample.drawn < sample.perMillion
}

/** Reads the request body, as long as `take` wants more; true when it has ended. */
async function read(
  { inbound, cut, deadlines, inForce }: Exchange,
  { clock }: ProxyContext,
  take: (chunk: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  const { limits } = inForce
  const rate = new TransferRate(limits.bodyIdleMs, limits.bodyBytesPerSecondMin)
  const isCut = new Promise<'cut'>((resolve) => cut.onMade(() => resolve('cut')))
  let bytes = 0
  try {
    for (;;) {
      const sinceMs = clock.ticksMs()
      deadlines.set('body', rate.allowedMs(bytes), 'body-timeout')
      const step = await Promise.race([inbound.body.next(), isCut])
      rate.waited(clock.ticksMs() - sinceMs)
      if (step === 'cut') return false
      if (step.done === true) return true
      bytes += step.value.length
      if (bytes > limits.bodyBytesMax) {
        cut.make('body-too-large')
        return false
      }
      if (!(await take(step.value))) return false
    }
  } catch {
    // The engine says only that the rest will not come.
    cut.make('client-aborted')
    return false
  } finally {
    deadlines.meet('body')
  }
}

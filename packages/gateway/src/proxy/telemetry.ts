import type { Ended, Reason } from '@countersign/evidence'
import type { Clock } from '../platform/index.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { valuesOf } from './header-fields.ts'

/** What is counted of requests; names of the configuration and closed lists only, nobody's data. */
export interface Telemetry {
  /** A request, or what came where one should have been. */
  accepted(): void
  /** Its intent is on record. */
  intended(): void
  /** Its outcome is, or could not be. */
  concluded(ended: Ended | 'unrecorded'): void
  /** It goes no further; folded refusals are counted in a record that others share. */
  refused(reason: Reason, recorded: 'whole' | 'folded' | 'no'): void
  /** It asked for something of the gateway itself, which has no record. */
  answeredOwn(): void
  ended(end: {
    readonly route: string | undefined
    readonly method: string | undefined
    readonly status: number | undefined
    readonly durationMs: number
  }): void
  upstreamEnded(end: {
    readonly upstream: string
    readonly status: number | undefined
    readonly durationMs: number
  }): void
}

/** Where spans go. */
export interface Tracing {
  /** Whether a trace that begins here is to be sampled. */
  samplesNew(): boolean
  /** A sampled exchange is over. */
  ended(exchange: TracedExchange): void
}

export const NO_TELEMETRY: Telemetry = {
  accepted: () => undefined,
  intended: () => undefined,
  concluded: () => undefined,
  refused: () => undefined,
  answeredOwn: () => undefined,
  ended: () => undefined,
  upstreamEnded: () => undefined,
}

/** What a trace shows of an exchange: no path, no query, and nobody's name. */
export interface TracedExchange {
  /** `traceparent` as the caller sent it; undefined where the trace begins here. */
  readonly received: string | undefined
  /** `traceparent` as it went on. */
  readonly sent: string
  readonly id: string
  readonly method: string | undefined
  readonly route: string | undefined
  readonly status: number | undefined
  readonly recorded: { readonly epoch: number; readonly index: number } | undefined
  readonly startUs: number
  readonly endUs: number
  readonly upstream:
    | {
        readonly name: string
        readonly status: number | undefined
        readonly startUs: number
        readonly endUs: number
      }
    | undefined
}

/** Tells what an exchange came to, once nothing more happens in it. */
export function tellEnd(
  { telemetry, tracing, clock }: Pick<ProxyContext, 'telemetry' | 'tracing' | 'clock'>,
  exchange: Exchange,
): void {
  const nowMs = clock.ticksMs()
  const { asked, route, upstream, status, startedMs, marks, response } = exchange
  telemetry.ended({
    route: route?.name,
    method: asked?.method,
    status,
    durationMs: nowMs - startedMs,
  })
  if (tracing !== undefined && asked?.traceparent.endsWith('-01') === true) {
    tracing.ended(tracedExchange(exchange, asked.traceparent, clock))
  }
  if (upstream === undefined || marks.startMs === undefined) return
  telemetry.upstreamEnded({
    upstream: upstream.name,
    status: response?.status,
    durationMs: (marks.endMs ?? nowMs) - marks.startMs,
  })
}

/** Times are of the wall clock as it is now: spans of one exchange never run into each other. */
function tracedExchange(exchange: Exchange, sent: string, clock: Clock): TracedExchange {
  const { id, inbound, asked, route, upstream, status, intent, marks, response } = exchange
  const [nowMs, nowUs] = [clock.ticksMs(), clock.nowUs()]
  const atUs = (ms: number): number => nowUs - Math.round((nowMs - ms) * 1000)
  const [received] = valuesOf(inbound.fields, 'traceparent')
  const isFollowed = received !== undefined && received.slice(3, 35) === sent.slice(3, 35)
  return {
    received: isFollowed ? received : undefined,
    sent,
    id,
    method: asked?.method,
    route: route?.name,
    status,
    recorded: intent && { epoch: intent.epoch, index: intent.index },
    startUs: atUs(exchange.startedMs),
    endUs: nowUs,
    upstream:
      upstream === undefined || marks.startMs === undefined
        ? undefined
        : {
            name: upstream.name,
            status: response?.status,
            startUs: atUs(marks.startMs),
            endUs: atUs(marks.endMs ?? nowMs),
          },
  }
}

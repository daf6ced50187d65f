import type { Clock } from '../platform/index.ts'
import type { Metrics, TracedExchange, Traces } from '../telemetry/index.ts'
import type { ProxyContext } from './context.ts'
import type { Exchange } from './exchange.ts'
import { valuesOf } from './header-fields.ts'

/** What the data plane tells of requests, to be counted. */
export type Telemetry = Pick<
  Metrics,
  'accepted' | 'intended' | 'concluded' | 'refused' | 'answeredOwn' | 'ended' | 'upstreamEnded'
>

/** Where spans go. */
export type Tracing = Pick<Traces, 'samplesNew' | 'ended'>

export const NO_TELEMETRY: Telemetry = {
  accepted: () => undefined,
  intended: () => undefined,
  concluded: () => undefined,
  refused: () => undefined,
  answeredOwn: () => undefined,
  ended: () => undefined,
  upstreamEnded: () => undefined,
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

import type { Ended, Reason } from '@countersign/evidence'
import type { Exchange } from './exchange.ts'

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
export function tellEnd(telemetry: Telemetry, exchange: Exchange, nowMs: number): void {
  const { asked, route, upstream, status, startedMs, marks, response } = exchange
  telemetry.ended({
    route: route?.name,
    method: asked?.method,
    status,
    durationMs: nowMs - startedMs,
  })
  if (upstream === undefined || marks.startMs === undefined) return
  telemetry.upstreamEnded({
    upstream: upstream.name,
    status: response?.status,
    durationMs: (marks.endMs ?? nowMs) - marks.startMs,
  })
}

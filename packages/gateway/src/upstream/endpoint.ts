import { isIPv6 } from 'node:net'
import type { TargetPlace } from './target-url.ts'
import type { UpstreamClient } from './types.ts'

/** Share of a target's weight that it has at the first moment of a slow start. */
const SLOW_START_MIN = 0.1

/** One address of one target: what requests are spread over. */
export class Endpoint {
  readonly place: TargetPlace
  /** An address, without brackets. */
  readonly host: string
  /** With the port, as records say it. */
  readonly address: string
  readonly weight: number
  readonly client: UpstreamClient
  /** Calls that are going on. */
  active = 0
  /** Of smooth round robin. */
  turn = 0
  /** What active checks say; true where there are none. */
  isHealthy = true
  /** Left out for a while because of its faults. */
  isEjected = false
  /** No longer configured, or no longer among the addresses of its name. */
  isGone = false
  faultsInRow = 0
  ejectionsInRow = 0
  /** Since then it gets requests, in ticks. */
  readySinceMs: number
  requests = 0
  faults = 0
  ejections = 0
  /** What was wrong the last time that something was. */
  lastFault: string | undefined

  constructor(parts: {
    readonly place: TargetPlace
    readonly host: string
    readonly weight: number
    readonly client: UpstreamClient
    readonly readySinceMs: number
  }) {
    this.place = parts.place
    this.host = parts.host
    const host = isIPv6(parts.host) ? `[${parts.host}]` : parts.host
    const address = `${host}:${parts.place.port}`
    // Whoever compares both, for each request, has one text then.
    this.address = address === parts.place.authority ? parts.place.authority : address
    this.weight = parts.weight
    this.client = parts.client
    this.readySinceMs = parts.readySinceMs
  }

  get isAvailable(): boolean {
    return this.isHealthy && !this.isEjected && !this.isGone
  }

  /** Its weight now: a part of it while it is new. */
  weightAt(nowMs: number, slowStartMs: number): number {
    const sinceMs = nowMs - this.readySinceMs
    if (sinceMs >= slowStartMs) return this.weight
    return this.weight * Math.max(SLOW_START_MIN, sinceMs / slowStartMs)
  }
}

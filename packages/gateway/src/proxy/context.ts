import type { Containment } from '../containment/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { Approving, GlassBreaking } from './approve.ts'
import type { CaptureMemory } from './capture/capture-memory.ts'
import type { Redactor } from './capture/redactor.ts'
import type { DeadlineWheel } from './deadline-wheel.ts'
import type { InForce } from './in-force.ts'
import type { LiveExchanges } from './live-exchanges.ts'
import type { Load } from './load.ts'
import type { RandomHex } from './random-hex.ts'
import type { ExchangeRecorder } from './recording.ts'
import type { Refusals } from './refusals.ts'
import type { Telemetry, Tracing } from './telemetry.ts'

/** What an operator may want to know at once; never holds a credential. */
export interface ProxyEvent {
  readonly event:
    | 'ledger-unavailable'
    | 'limits-unavailable'
    | 'outcome-unrecorded'
    | 'capture-failed'
    | 'upstream-failed'
    | 'internal-error'
    | 'listener-error'
  readonly exchange?: string
  readonly cause: unknown
}

/** Answers what is asked of the gateway itself, below `/.well-known/countersign/`. */
export type OwnHandler = (request: Request) => Promise<Response>

/** What certificate authorities look for here while they validate names (RFC 8555, RFC 8737). */
export interface Challenges {
  httpAnswer(host: string, token: string): string | undefined
  tlsPair(serverName: string): { readonly certificate: string; readonly key: string } | undefined
}

export const NO_CHALLENGES: Challenges = {
  httpAnswer: () => undefined,
  tlsPair: () => undefined,
}

/** What every stage may use, for as long as the process lives. */
export interface ProxyContext {
  readonly clock: Clock
  readonly random: Random
  readonly hex: RandomHex
  readonly recorder: ExchangeRecorder
  /** For whoever accepts an exchange; stages read `exchange.inForce`. */
  readonly inForce: () => InForce
  readonly answerOwn: OwnHandler
  readonly challenges: Challenges
  readonly refusals: Refusals
  readonly containment: Containment
  readonly live: LiveExchanges
  readonly wheel: DeadlineWheel
  readonly load: Load
  /** What captures in flight hold in memory. */
  readonly captures: CaptureMemory
  readonly redactor: Redactor
  readonly approvals: Approving
  readonly breakGlass: GlassBreaking
  readonly report: (event: ProxyEvent) => void
  readonly telemetry: Telemetry
  /** Undefined where no spans are wanted. */
  readonly tracing: Tracing | undefined
  readonly isStopping: () => boolean
  /** What room is left on the disk of the ledger is not for traffic. */
  readonly isSpaceScarce: () => boolean
}

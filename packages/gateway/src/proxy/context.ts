import type { KeyRing } from '../identity/index.ts'
import type { Limits } from '../limits/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { PolicySet } from '../policy/index.ts'
import type { ExchangeRecorder } from './recording.ts'
import type { Refusals } from './refusals.ts'
import type { RouteTable } from './route-table.ts'
import type { Upstream } from './upstream.ts'

/** What an operator may want to know at once; never holds a credential. */
export interface ProxyEvent {
  readonly event:
    | 'ledger-unavailable'
    | 'outcome-unrecorded'
    | 'upstream-failed'
    | 'internal-error'
    | 'listener-error'
  readonly exchange?: string
  readonly cause: unknown
}

/** Answers what is asked of the gateway itself, below `/.well-known/countersign/`. */
export type OwnHandler = (request: Request) => Promise<Response>

/** What every stage may use. */
export interface ProxyContext {
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly recorder: ExchangeRecorder
  readonly routes: RouteTable
  readonly upstreams: ReadonlyMap<string, Upstream>
  readonly configurationSha256: string
  /** The keys in force now. */
  readonly keys: () => KeyRing
  /** The policies in force now. */
  readonly policies: () => PolicySet
  readonly answerOwn: OwnHandler
  readonly refusals: Refusals
  readonly report: (event: ProxyEvent) => void
  readonly isStopping: () => boolean
}

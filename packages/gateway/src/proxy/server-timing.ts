import type { Clock } from '../platform/index.ts'
import type { Exchange } from './exchange.ts'
import { type HeaderFields, valuesOf } from './header-fields.ts'

/** What an answer may tell of, in this order. */
export type Phase = 'identify' | 'decide' | 'record' | 'upstream' | 'record-outcome'

/** How a caller asks for it, where the route answers such callers. */
const ASKED_BY = 'countersign-timing'

/** How long each phase of one exchange took. Never begun where the route tells nobody. */
export class ServerTiming {
  readonly #clock: Clock
  readonly #taken = new Map<Phase, number>()
  #phase: Phase | undefined
  #sinceMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ends the phase before; stages that belong to none are counted in the one before. */
  enter(phase: Phase | undefined): void {
    if (phase === undefined || phase === this.#phase) return
    const nowMs = this.#clock.ticksMs()
    this.#end(nowMs)
    this.#phase = phase
    this.#sinceMs = nowMs
  }

  /** The value of `Server-Timing`: milliseconds, in the order of the phases. */
  value(): string {
    this.#end(this.#clock.ticksMs())
    this.#phase = undefined
    return [...this.#taken].map(([phase, ms]) => `${phase};dur=${ms.toFixed(3)}`).join(', ')
  }

  #end(nowMs: number): void {
    const phase = this.#phase
    if (phase === undefined) return
    this.#taken.set(phase, (this.#taken.get(phase) ?? 0) + nowMs - this.#sinceMs)
  }
}

/**
 * The field, where this caller may know it: how long a decision or a record takes helps whoever
 * wants to find out what is decided on, so that a route has to say so.
 */
export function timingFields({ timing, route, principal, inbound }: Exchange): HeaderFields {
  if (timing === undefined || route === undefined || route.serverTiming === 'never') return []
  if (route.serverTiming !== 'always') {
    if (principal === undefined || valuesOf(inbound.fields, ASKED_BY).length === 0) return []
    const { askedBy } = route.serverTiming
    const isNamed = askedBy.some(
      (each) => each.principal === principal.id && each.issuer === principal.issuer,
    )
    if (!isNamed) return []
  }
  const value = timing.value()
  return value === '' ? [] : [['server-timing', value]]
}

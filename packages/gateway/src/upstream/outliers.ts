import type { Clock, Timer } from '../platform/index.ts'
import type { Endpoint } from './endpoint.ts'
import type { UpstreamConfig } from './upstream-config.ts'

const EJECTIONS_COUNTED_MAX = 10
const PERCENT = 100

/** What the end of a call says of its endpoint; nothing where a caller or the gateway ended it. */
export type Bearing = 'good' | 'none' | { readonly fault: string }

/** Leaves endpoints out for a while that fail again and again. */
export class Outliers {
  readonly #config: UpstreamConfig['outliers']
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #timers = new Map<Endpoint, Timer>()

  constructor(
    config: UpstreamConfig['outliers'],
    parts: { readonly clock: Clock; readonly onChange: () => void },
  ) {
    this.#config = config
    this.#clock = parts.clock
    this.#onChange = parts.onChange
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  /** `among`: all that there are, ejected or not. */
  count(endpoint: Endpoint, bearing: Bearing, among: readonly Endpoint[]): void {
    if (bearing === 'none') return
    if (bearing === 'good') {
      endpoint.faultsInRow = 0
      if (endpoint.ejectionsInRow > 0 && this.#isGoodAgain(endpoint)) endpoint.ejectionsInRow = 0
      return
    }
    endpoint.faults += 1
    endpoint.faultsInRow += 1
    endpoint.lastFault = bearing.fault
    if (endpoint.faultsInRow < this.#config.faultsMax || endpoint.isEjected) return
    if (this.#mayEject(among)) this.#eject(endpoint)
  }

  /** It answers, and has been back for as long as it was left out. */
  #isGoodAgain({ isEjected, ejectionsInRow, readySinceMs }: Endpoint): boolean {
    return !isEjected && this.#clock.ticksMs() - readySinceMs >= this.#ejectMs(ejectionsInRow)
  }

  #ejectMs(inRow: number): number {
    return this.#config.ejectMs * Math.min(inRow, EJECTIONS_COUNTED_MAX)
  }

  /** So many at most; one of several may always be, and the last one never. */
  #mayEject(among: readonly Endpoint[]): boolean {
    const share = Math.floor((among.length * this.#config.ejectedPercentMax) / PERCENT)
    const ejectedMax = Math.min(share, among.length - 1)
    return among.filter(({ isEjected }) => isEjected).length < ejectedMax
  }

  #eject(endpoint: Endpoint): void {
    endpoint.isEjected = true
    endpoint.ejections += 1
    endpoint.ejectionsInRow += 1
    const ejectMs = this.#ejectMs(endpoint.ejectionsInRow)
    const timer = this.#clock.after(ejectMs, () => this.#takeBack(endpoint))
    this.#timers.set(endpoint, timer)
    this.#onChange()
  }

  #takeBack(endpoint: Endpoint): void {
    this.#timers.delete(endpoint)
    endpoint.isEjected = false
    endpoint.faultsInRow = 0
    endpoint.readySinceMs = this.#clock.ticksMs()
    this.#onChange()
  }
}

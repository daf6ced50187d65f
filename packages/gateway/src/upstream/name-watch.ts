import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Clock, Timer } from '../platform/index.ts'
import { type AddressRules, addressFault } from './address-rules.ts'
import type { TargetPlace } from './target-url.ts'
import { UpstreamError } from './upstream-error.ts'

/** Every address of a name, A and AAAA alike. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** As the machine resolves names: its hosts file counts too. */
export const systemResolve: Resolve = async (name) => {
  const found = await lookup(name, { all: true })
  return found.map(({ address }) => address)
}

const ADDRESSES_MAX = 64

/**
 * The addresses of one target, now and as they change. What may not be connected to is left out: a
 * name is somebody else's to change. While a name cannot be resolved its last addresses are used.
 */
export class NameWatch {
  readonly place: TargetPlace
  readonly #rules: AddressRules
  readonly #refreshMs: number
  readonly #clock: Clock
  readonly #resolve: Resolve
  readonly #onChange: (addresses: readonly string[]) => void
  readonly #onFault: (fault: unknown) => void
  #timer: Timer | undefined
  #known = ''
  #isClosed = false

  constructor(
    place: TargetPlace,
    parts: {
      readonly rules: AddressRules
      readonly refreshMs: number
      readonly clock: Clock
      readonly resolve: Resolve
      readonly onChange: (addresses: readonly string[]) => void
      readonly onFault: (fault: unknown) => void
    },
  ) {
    this.place = place
    this.#rules = parts.rules
    this.#refreshMs = parts.refreshMs
    this.#clock = parts.clock
    this.#resolve = parts.resolve
    this.#onChange = parts.onChange
    this.#onFault = parts.onFault
  }

  /** An address is its own; a name is asked for, and again after each interval. */
  start(): void {
    if (this.place.isAddress) this.#onChange([this.place.host])
    else void this.#refresh()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #refresh(): Promise<void> {
    try {
      const addresses = this.#usable(await this.#resolve(this.place.host))
      if (this.#isClosed) return
      const text = addresses.join()
      if (text !== this.#known) {
        this.#known = text
        this.#onChange(addresses)
      }
    } catch (fault) {
      if (this.#isClosed) return
      this.#onFault(fault)
    }
    this.#timer = this.#clock.after(this.#refreshMs, () => void this.#refresh())
  }

  #usable(answers: readonly string[]): readonly string[] {
    const addresses = [...new Set(answers)].filter((answer) => isIP(answer) !== 0).toSorted()
    const usable = addresses.filter((address) => addressFault(address, this.#rules) === undefined)
    if (usable.length > 0) return usable.slice(0, ADDRESSES_MAX)
    const why = addresses.map((each) => `${each}: ${addressFault(each, this.#rules)}`).join(', ')
    const message = `${this.place.host} has no address that may be used (${why || 'none at all'})`
    throw new UpstreamError('UPSTREAM_UNRESOLVED', message)
  }
}

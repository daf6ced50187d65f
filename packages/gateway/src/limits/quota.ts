import { addressPrefix } from './address-prefix.ts'
import { Rate } from './gcra.ts'
import { isDurable, type QuotaConfig, windowUsOf } from './quota-config.ts'
import { type QuotaTexts, textsOf } from './quota-texts.ts'

/** A WeakMap would be looked up in memory of its own, which is far away with every other caller. */
const NAME = Symbol('name')

/** Whose request it is, as far as quotas count by it. */
export interface Caller {
  readonly principal: {
    readonly id: string
    readonly kind: string
    readonly issuer: string
    readonly claims: { readonly [name: string]: readonly string[] }
    readonly [NAME]?: string
  }
  /** Of the API key, where that is how they came. */
  readonly keyPrefix: string | undefined
  readonly address: string
  readonly route: string
  readonly method: string
}

/** One quota, as the configuration says it. */
export class Quota {
  readonly name: string
  readonly rate: Rate | undefined
  readonly concurrency: number | undefined
  readonly isDurable: boolean
  /** All callers count together, whoever they are. */
  readonly isShared: boolean
  readonly texts: QuotaTexts
  readonly #config: QuotaConfig
  /** Every request costs 1. */
  readonly #isFlat: boolean

  constructor(name: string, config: QuotaConfig) {
    const { limit, window, burst, concurrency } = config
    this.name = name
    this.#config = config
    this.concurrency = concurrency
    this.isDurable = isDurable(config)
    this.isShared = config.key === 'route'
    this.rate =
      limit === undefined || window === undefined
        ? undefined
        : new Rate({ limit, windowUs: windowUsOf(window), burst: burst ?? limit })
    this.#isFlat = Object.keys(config.cost).length === 0
    this.texts = textsOf(this)
  }

  /** The most specific row of the table: method on a route, route, method, the rest. */
  costOf({ method, route }: Caller): number {
    if (this.#isFlat) return 1
    const { cost } = this.#config
    return cost[`${method} ${route}`] ?? cost[route] ?? cost[method] ?? cost.default ?? 1
  }

  /**
   * What the request is counted under. Whoever lacks what the quota counts by is counted by what
   * there is: a caller without the claim by who they are, somebody unknown by where they are.
   */
  keyOf(caller: Caller): string {
    const { key } = this.#config
    const { address, route, keyPrefix } = caller
    if (key === 'route') return route
    if (key === 'address') return address
    if (key === 'address-prefix') return this.#prefix(address)
    if (key === 'api-key') return keyPrefix === undefined ? this.#who(caller) : `k:${keyPrefix}`
    if (key === 'principal') return this.#who(caller)
    const { claims, issuer } = caller.principal
    const values = claims[key.slice('claim:'.length)]
    if (values === undefined || values.length === 0) return this.#who(caller)
    return `c:${JSON.stringify([issuer, ...values.toSorted()])}`
  }

  #who({ principal, address }: Caller): string {
    if (principal.kind === 'anonymous') return `a:${this.#prefix(address)}`
    return principal[NAME] ?? nameOf(principal)
  }

  #prefix(address: string): string {
    const { ipv4Bits, ipv6Bits } = this.#config
    return addressPrefix(address, { ipv4Bits, ipv6Bits })
  }
}

/** Kept with the principal, and hidden from whoever copies it. */
function nameOf(principal: Caller['principal']): string {
  const name = `p:${JSON.stringify([principal.issuer, principal.id])}`
  if (Object.isExtensible(principal)) Object.defineProperty(principal, NAME, { value: name })
  return name
}

import type { Quota } from './quota.ts'

/** One quota that a request needs. */
export interface Ask {
  readonly quota: Quota
  readonly key: string
  readonly cost: number
}

/** How a quota stands for a key: after the request where it was admitted, else without it. */
export interface Standing {
  /** Units in use of the rate. */
  readonly used: number
  /** Microseconds until the request could be admitted by the rate; 0: it is. */
  readonly waitUs: number
  /** Microseconds until all of the rate is free again. */
  readonly resetUs: number
  /** Exchanges going on, this one among them where it was admitted. */
  readonly concurrent: number
  /** One exchange more would be too many. */
  readonly isFull: boolean
}

export interface StoreAnswer {
  /** By all of them, or by none: a request that is refused has used nothing. */
  readonly isAdmitted: boolean
  /** In the order of the asks. */
  readonly standings: readonly Standing[]
  /** Ends what counts as going on. To be called once, where admitted. */
  readonly release: () => void
  /** Says that it still goes on: from now it counts for another lease. */
  readonly renew: () => void
}

/**
 * Where quotas are counted. All asks of a request are one step: no other request comes between
 * them. What goes on counts until it is released, or for `leaseUs` where whoever would release it
 * may have died. Throws, or rejects with, LimitsError LIMITS_UNAVAILABLE.
 */
export interface QuotaStore {
  take(asks: readonly Ask[], leaseUs: number): StoreAnswer | Promise<StoreAnswer>
  close(): Promise<void>
}

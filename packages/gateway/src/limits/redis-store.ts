import type { Random } from '../platform/index.ts'
import { nodeSha256 } from '../platform/index.ts'
import { Meter } from './gcra.ts'
import { LimitsError } from './limits-error.ts'
import type { Ask, QuotaStore, Standing, StoreAnswer } from './store.ts'
import { RENEW_SCRIPT, TAKE_SCRIPT } from './take-script.ts'

/** What the store needs of a Redis or Valkey client; composed elsewhere. */
export interface ScriptRunner {
  /** Runs the script atomically, in one round trip, within the configured time. */
  run(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown>
  remove(key: string, member: string): Promise<void>
  close(): Promise<void>
}

const LEASE_BYTES = 16
const KEY_BYTES = 16
const NUMBERS_EACH = 4

/**
 * Quotas that several gateways count together. The server's clock is the only one that is asked,
 * and all limits of a request are one script: one round trip, all or nothing.
 */
export class RedisStore implements QuotaStore {
  readonly #runner: ScriptRunner
  readonly #random: Random
  readonly #prefix: string
  readonly #onFault: (fault: unknown) => void

  constructor(parts: {
    readonly runner: ScriptRunner
    readonly random: Random
    readonly prefix: string
    /** Told of a lease that could not be given back or kept: nobody waits for either. */
    readonly onFault?: (fault: unknown) => void
  }) {
    this.#runner = parts.runner
    this.#random = parts.random
    this.#prefix = parts.prefix
    this.#onFault = parts.onFault ?? (() => undefined)
  }

  async take(asks: readonly Ask[], leaseUs: number): Promise<StoreAnswer> {
    const lease = Buffer.from(this.#random.bytes(LEASE_BYTES)).toString('hex')
    const keys = asks.flatMap((ask) => [this.#key('r', ask), this.#key('c', ask)])
    const values = [lease, String(leaseUs), ...asks.flatMap(valuesOf)]
    const { release, renew } = this.#holding(asks, lease, leaseUs)
    const reply = await this.#run(keys, values).catch((error: unknown) => {
      // The script may run all the same, only later: nobody will release what it counts.
      release()
      throw error
    })
    const [isAdmitted, nowUs = 0, ...states] = reply
    if (reply.length !== 2 + NUMBERS_EACH * asks.length) throw strange()
    const standings = asks.map((ask, at) => {
      return standingOf(ask, states.slice(at * NUMBERS_EACH, (at + 1) * NUMBERS_EACH), nowUs)
    })
    if (isAdmitted === 1) return { isAdmitted: true, standings, release, renew }
    return { isAdmitted: false, standings, release: () => undefined, renew: () => undefined }
  }

  close(): Promise<void> {
    return this.#runner.close()
  }

  async #run(keys: readonly string[], values: readonly string[]): Promise<readonly number[]> {
    let reply: unknown
    try {
      reply = await this.#runner.run(TAKE_SCRIPT, keys, values)
    } catch (cause) {
      throw new LimitsError('LIMITS_UNAVAILABLE', 'the shared store does not answer', { cause })
    }
    return numbersOf(reply)
  }

  /** Where the store does not hear of it, the lease ends by itself. */
  #holding(
    asks: readonly Ask[],
    lease: string,
    leaseUs: number,
  ): Pick<StoreAnswer, 'release' | 'renew'> {
    const counted = asks.filter(({ quota }) => quota.concurrency !== undefined)
    let isHeld = counted.length > 0
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        for (const ask of counted) {
          this.#runner.remove(this.#key('c', ask), lease).catch(this.#onFault)
        }
      },
      renew: () => {
        if (!isHeld) return
        const keys = counted.map((ask) => this.#key('c', ask))
        this.#runner.run(RENEW_SCRIPT, keys, [lease, String(leaseUs)]).catch(this.#onFault)
      },
    }
  }

  /** The braces put all keys into one slot of a cluster. Who it is stays a digest. */
  #key(what: 'r' | 'c', { quota, key }: Ask): string {
    const digest = nodeSha256.digest(Buffer.from(`${this.#prefix} ${quota.name} ${key}`))
    const short = Buffer.from(digest.subarray(0, KEY_BYTES)).toString('hex')
    return `{${this.#prefix}}:${what}:${quota.name}:${short}`
  }
}

function valuesOf({ quota, cost }: Ask): readonly string[] {
  const { rate, concurrency } = quota
  const concurrent = String(concurrency ?? -1)
  if (rate === undefined) return ['0', '0', '0', '0', '0', '0', concurrent]
  const { tolerance, limit, windowUs } = rate
  const span = rate.spanOf(cost)
  const numbers = [limit, windowUs, tolerance.us, tolerance.part, span.us, span.part]
  return [...numbers.map(String), concurrent]
}

/** Of each ask: TAT, its fraction, exchanges going on, and whether one more is too many. */
function standingOf({ quota, cost }: Ask, state: readonly number[], nowUs: number): Standing {
  const [us = 0, part = 0, concurrent = 0, isFull = 0] = state
  const { rate } = quota
  const meter = new Meter()
  meter.us = us
  meter.part = part
  return {
    used: rate === undefined ? 0 : meter.used(rate, nowUs),
    waitUs: rate === undefined ? 0 : meter.waitUs(rate, nowUs, cost),
    resetUs: Math.max(0, us + (part > 0 ? 1 : 0) - nowUs),
    concurrent,
    isFull: isFull === 1,
  }
}

function numbersOf(reply: unknown): readonly number[] {
  if (!Array.isArray(reply)) throw strange()
  const numbers = reply.map(Number)
  if (!numbers.every(Number.isSafeInteger)) throw strange()
  return numbers
}

function strange(): LimitsError {
  return new LimitsError(
    'LIMITS_UNAVAILABLE',
    'the shared store answers what no script of ours does',
  )
}

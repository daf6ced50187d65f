import { Meter, type Rate } from './gcra.ts'
import { LimitsError } from './limits-error.ts'
import type { Quota } from './quota.ts'
import type { QuotaFile } from './quota-file.ts'
import type { Ask, QuotaStore, Standing, StoreAnswer } from './store.ts'

/** Of each quota; beyond it, keys that are new are counted together until others are free again. */
export const QUOTA_KEYS_MAX = 100_000
/** How soon a full table is searched for keys that are free again. */
const SWEEP_EVERY_US = 1_000_000
/** A request waits for the disk so often at most: others may take what was reserved for it. */
const RESERVE_TRIES_MAX = 16
/** Of a durable quota this share of its burst is reserved on the disk ahead of being used. */
const CHUNKS = 100
/** Time goes by while the disk writes; this much more is reserved, and at most lost by a crash. */
const RESERVE_SLACK_US = 1_000_000
const OVERFLOW_KEY = '\0others'

/** What one key has used of one quota. */
class Account extends Meter {
  rate: Rate | undefined
  concurrent = 0
  /** What the disk says is used, in microseconds; nothing is admitted beyond it. */
  reservedUs = 0
  /** Units of requests that wait for a reservation. */
  waiting = 0
}

/** What a request asks of one quota, and what that is counted in, as it is in force now. */
interface Need {
  readonly ask: Ask
  readonly account: Account
  readonly rate: Rate | undefined
}

interface Table {
  readonly accounts: Map<string, Account>
  sweptAtUs: number
}

/**
 * Quotas of one gateway, counted in memory and answered at once. Durable ones are reserved in a
 * file ahead of being used: what is admitted is on the disk already, so that a crash can forget
 * nothing. It can only take for used what was reserved and not used yet.
 */
export class MemoryStore implements QuotaStore {
  readonly #nowUs: () => number
  readonly #file: QuotaFile | undefined
  readonly #tables = new Map<string, Table>()
  /** Of the quota that was asked for last: mostly it is the next one too. */
  #last: { readonly name: string; readonly table: Table } | undefined
  readonly #keysMax: number

  constructor(parts: {
    /** Microseconds since 1970; never goes back. */
    readonly nowUs: () => number
    /** Without one nothing is durable. */
    readonly file?: QuotaFile | undefined
    readonly keysMax?: number
  }) {
    this.#nowUs = parts.nowUs
    this.#file = parts.file
    this.#keysMax = parts.keysMax ?? QUOTA_KEYS_MAX
  }

  take(asks: readonly Ask[]): StoreAnswer | Promise<StoreAnswer> {
    const nowUs = this.#nowUs()
    const needs = this.#needsOf(asks, nowUs)
    if (!mayAll(needs, nowUs)) return refused(needs, nowUs)
    const file = this.#file
    if (file !== undefined && lackingOf(needs, nowUs).length > 0) {
      return this.#takeReserved(asks, file)
    }
    return this.#admit(needs, nowUs)
  }

  /** Writes what is really used, and lets go of the file. */
  async close(): Promise<void> {
    await this.#file?.close((quota, key) => {
      const account = this.#tables.get(quota)?.accounts.get(key)
      if (account?.rate === undefined) return undefined
      return { rate: account.rate, reservedUs: account.us + (account.part > 0 ? 1 : 0) }
    })
  }

  #needsOf(asks: readonly Ask[], nowUs: number): readonly Need[] {
    const needs: Need[] = []
    for (const ask of asks) {
      const account = this.#account(ask.quota, ask.key, nowUs)
      needs.push({ ask, account, rate: rateOf(ask.quota, account) })
    }
    return needs
  }

  #admit(needs: readonly Need[], nowUs: number): StoreAnswer {
    const standings: Standing[] = []
    let hasConcurrent = false
    for (const { ask, account, rate } of needs) {
      const { quota, cost, key } = ask
      if (rate !== undefined) account.take(rate, nowUs, cost)
      if (quota.concurrency !== undefined) {
        account.concurrent += 1
        hasConcurrent = true
      }
      if (quota.isDurable) this.#reserveAhead(quota, key, account)
    }
    for (const need of needs) standings.push(standingOf(need, nowUs))
    const release = hasConcurrent ? releaseOnce(needs) : NOTHING
    return { isAdmitted: true, standings, release, renew: NOTHING }
  }

  /** Asks the disk first. What is admitted meanwhile to others is seen when it is asked again. */
  async #takeReserved(asks: readonly Ask[], file: QuotaFile): Promise<StoreAnswer> {
    for (let tries = 0; tries < RESERVE_TRIES_MAX; tries += 1) {
      const nowUs = this.#nowUs()
      const needs = this.#needsOf(asks, nowUs)
      if (!mayAll(needs, nowUs)) return refused(needs, nowUs)
      const lacking = lackingOf(needs, nowUs)
      if (lacking.length === 0) return this.#admit(needs, nowUs)
      for (const { ask, account } of lacking) account.waiting += ask.cost
      try {
        await Promise.all(
          lacking.map(({ ask, account }) => this.#reserve(file, ask.quota, ask.key, account)),
        )
      } finally {
        for (const { ask, account } of lacking) account.waiting -= ask.cost
      }
    }
    throw new LimitsError('LIMITS_UNAVAILABLE', 'others take what is reserved faster than the disk')
  }

  /** Before a chunk is used up the next one is asked for, so that requests need not wait. */
  #reserveAhead(quota: Quota, key: string, account: Account): void {
    const rate = rateOf(quota, account)
    if (this.#file === undefined || rate === undefined) return
    if (account.reservedUs - account.us > rate.spanOf(chunkOf(rate)).us / 2) return
    if (account.reservedUs >= this.#nowUs() + rate.tolerance.us) return
    // Where it fails, the request that needs it will be told.
    this.#reserve(this.#file, quota, key, account).catch(() => undefined)
  }

  #reserve(file: QuotaFile, quota: Quota, key: string, account: Account): Promise<void> {
    if (quota.rate === undefined) return Promise.resolve()
    const asked = quota.rate
    return file.reserve(quota.name, key, {
      target: () => {
        // While it waited, another configuration may have come into force.
        const { rate = asked } = account
        const nowUs = this.#nowUs()
        const { us } = rate.spanOf(chunkOf(rate) + account.waiting)
        const latestUs = nowUs + rate.tolerance.us + RESERVE_SLACK_US
        const wantedUs = Math.max(account.us, nowUs) + us + RESERVE_SLACK_US
        return { rate, reservedUs: Math.min(latestUs, wantedUs) }
      },
      written: ({ rate, reservedUs }) => {
        if (account.rate?.isSame(rate) !== true) return
        account.reservedUs = Math.max(account.reservedUs, reservedUs)
      },
    })
  }

  #account(quota: Quota, key: string, nowUs: number): Account {
    const table = this.#table(quota.name)
    const known = table.accounts.get(key) ?? this.#newAccount(table, quota, key, nowUs)
    const { rate } = quota
    if (rate !== undefined && rate.made > (known.rate?.made ?? 0)) {
      // A newer configuration: what was used stays used, and is measured by what is in force now.
      // Requests that came before it do not bring the former one back.
      if (known.rate !== undefined && !known.rate.isSame(rate)) {
        known.convert(known.rate, rate, nowUs)
        known.reservedUs = 0
      }
      known.rate = rate
    }
    return known
  }

  #newAccount(table: Table, quota: Quota, key: string, nowUs: number): Account {
    const { accounts } = table
    const isFull = accounts.size >= this.#keysMax && !sweep(table, nowUs, this.#keysMax)
    const place = isFull ? OVERFLOW_KEY : key
    const found = accounts.get(place)
    if (found !== undefined) return found
    const account = new Account()
    accounts.set(place, account)
    const { rate } = quota
    const kept = rate && quota.isDurable ? this.#file?.restored(quota.name, place) : undefined
    if (rate === undefined || kept === undefined) return account
    account.us = kept.reservedUs
    account.rate = rate
    if (!kept.rate.isSame(rate)) account.convert(kept.rate, rate, nowUs)
    account.clamp(rate, nowUs)
    return account
  }

  #table(name: string): Table {
    if (this.#last?.name === name) return this.#last.table
    let table = this.#tables.get(name)
    if (table === undefined) {
      table = { accounts: new Map<string, Account>(), sweptAtUs: Number.NEGATIVE_INFINITY }
      this.#tables.set(name, table)
    }
    this.#last = { name, table }
    return table
  }
}

/** Forgets keys that are free again; says whether there is room now. */
function sweep(table: Table, nowUs: number, keysMax: number): boolean {
  if (nowUs - table.sweptAtUs < SWEEP_EVERY_US) return false
  table.sweptAtUs = nowUs
  for (const [key, { us, concurrent, waiting }] of table.accounts) {
    if (us < nowUs && concurrent === 0 && waiting === 0) table.accounts.delete(key)
  }
  return table.accounts.size < keysMax
}

const NOTHING = (): void => undefined

function releaseOnce(needs: readonly Need[]): () => void {
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    for (const { ask, account } of needs) {
      if (ask.quota.concurrency !== undefined) account.concurrent -= 1
    }
  }
}

function mayAll(needs: readonly Need[], nowUs: number): boolean {
  for (const { ask, account, rate } of needs) {
    if (isFull(ask.quota, account)) return false
    if (rate !== undefined && account.waitUs(rate, nowUs, ask.cost) > 0) return false
  }
  return true
}

/** What counts is what was configured last, though an earlier request asks. */
function rateOf({ rate }: Quota, account: Account): Rate | undefined {
  return rate && (account.rate ?? rate)
}

function isFull({ concurrency }: Quota, { concurrent }: Account): boolean {
  return concurrency !== undefined && concurrent >= concurrency
}

function refused(needs: readonly Need[], nowUs: number): StoreAnswer {
  const standings = needs.map((need) => standingOf(need, nowUs))
  return { isAdmitted: false, standings, release: NOTHING, renew: NOTHING }
}

/** Those that the disk does not hold yet; mostly there are none. */
function lackingOf(needs: readonly Need[], nowUs: number): readonly Need[] {
  let lacking: Need[] | undefined
  for (const need of needs) {
    if (isReserved(need, nowUs)) continue
    lacking ??= []
    lacking.push(need)
  }
  return lacking ?? NONE
}

const NONE: readonly Need[] = []

function isReserved({ ask, account, rate }: Need, nowUs: number): boolean {
  if (!ask.quota.isDurable || ask.cost === 0 || rate === undefined) return true
  const after = Math.max(account.us, nowUs) + rate.spanOf(ask.cost).us + 1
  return after <= account.reservedUs
}

function standingOf({ ask, account, rate }: Need, nowUs: number): Standing {
  const { us, part, concurrent } = account
  return {
    used: rate === undefined ? 0 : account.used(rate, nowUs),
    waitUs: rate === undefined ? 0 : account.waitUs(rate, nowUs, ask.cost),
    resetUs: Math.max(0, us + (part > 0 ? 1 : 0) - nowUs),
    concurrent,
    isFull: isFull(ask.quota, account),
  }
}

function chunkOf({ burst }: Rate): number {
  return Math.max(1, Math.ceil(burst / CHUNKS))
}

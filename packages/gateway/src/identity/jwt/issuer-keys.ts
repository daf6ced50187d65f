import { type Clock, type HttpClient, HttpError, type Timer } from '../../platform/index.ts'
import { IdentityError } from '../identity-error.ts'
import { type IgnoredKey, type KeySet, parseKeySet } from './key-set.ts'
import { type Members, member, parseMembers } from './members.ts'
import type { KeyRules } from './verify-key.ts'

/** The keys of one issuer as they stand now. */
export interface IssuerKeys {
  /** Undefined where none were ever had, or the last were had too long ago. */
  current(): KeySet | undefined
  /** Resolves to whether a newer set was had. At most one refresh in each cool-down. */
  refresh(): Promise<boolean>
  /** Begins to ask, now and at intervals. Nobody has to wait for it. */
  start(): void
  close(): void
}

/** Keys that come with the configuration. */
export function fixedKeys(set: KeySet): IssuerKeys {
  const nothing = (): void => undefined
  return { current: () => set, refresh: async () => false, start: nothing, close: nothing }
}

export const DOCUMENT_BYTES_MAX = 1_048_576
export const REFRESH_EVERY_MS = 300_000
export const REFRESH_COOLDOWN_MS = 30_000
export const STALE_MS_MAX = 21_600_000
export const FETCH_MS_MAX = 10_000

/** What an operator may want to know of an issuer's keys. */
export type IssuerKeysReport =
  | { readonly kind: 'refreshed'; readonly keys: number; readonly ignored: readonly IgnoredKey[] }
  | { readonly kind: 'failed'; readonly cause: unknown }

export interface RemoteKeysOptions {
  readonly http: HttpClient
  readonly clock: Clock
  readonly issuer: string
  /** Without it the issuer's metadata is asked. */
  readonly jwksUrl?: string | undefined
  readonly rules: KeyRules
  readonly allowsLoopbackHttp: boolean
  readonly refreshEveryMs?: number | undefined
  readonly cooldownMs?: number | undefined
  readonly staleMs?: number | undefined
  readonly fetchMs?: number | undefined
  readonly onReport: (report: IssuerKeysReport) => void
}

/**
 * Keys that an issuer publishes. They are asked for again at intervals, and once in a cool-down for
 * a key that nobody has heard of; an issuer that does not answer is believed by its last set for a
 * while, then by none.
 */
export class RemoteKeys implements IssuerKeys {
  readonly #options: RemoteKeysOptions
  #set: KeySet | undefined
  #hadAtMs = 0
  /** Where the keys were the last time that they were had. */
  #discovered: string | undefined
  #askedAtMs: number | undefined
  #asking: Promise<boolean> | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: RemoteKeysOptions) {
    this.#options = options
  }

  start(): void {
    void this.#ask().then(() => this.#schedule())
  }

  current(): KeySet | undefined {
    const { clock, staleMs = STALE_MS_MAX } = this.#options
    return clock.ticksMs() - this.#hadAtMs <= staleMs ? this.#set : undefined
  }

  async refresh(): Promise<boolean> {
    if (this.#asking !== undefined) return this.#asking
    const { clock, cooldownMs = REFRESH_COOLDOWN_MS } = this.#options
    const nowMs = clock.ticksMs()
    if (this.#askedAtMs !== undefined && nowMs - this.#askedAtMs < cooldownMs) return false
    // Regular refreshes do not count: a new key is known at once, however lately they were.
    this.#askedAtMs = nowMs
    return this.#ask()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #schedule(): void {
    const { clock, refreshEveryMs = REFRESH_EVERY_MS } = this.#options
    const { cooldownMs = REFRESH_COOLDOWN_MS } = this.#options
    if (this.#isClosed) return
    const isFresh = clock.ticksMs() - this.#hadAtMs < refreshEveryMs && this.#set !== undefined
    this.#timer = clock.after(isFresh ? refreshEveryMs : cooldownMs, () => this.start())
  }

  #ask(): Promise<boolean> {
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #askOnce(): Promise<boolean> {
    const { clock, rules, onReport } = this.#options
    try {
      const url = this.#options.jwksUrl ?? this.#discovered ?? (await this.#discover())
      const read = parseKeySet(await this.#get(url), rules)
      if (read === undefined) throw unusable(`${url} is not a key set of at most 100 keys`)
      if (this.#isClosed) return false
      this.#set = read.set
      this.#hadAtMs = clock.ticksMs()
      this.#discovered = url
      onReport({ kind: 'refreshed', keys: read.set.keys.length, ignored: read.ignored })
      return true
    } catch (cause) {
      this.#discovered = undefined
      onReport({ kind: 'failed', cause })
      return false
    }
  }

  /** OpenID Connect Discovery 1.0: the document must be about the very issuer that was asked. */
  async #discover(): Promise<string> {
    const { issuer } = this.#options
    const url = metadataUrl(issuer)
    const metadata = parseMembers(await this.#get(url))
    if (metadata === undefined) throw unusable(`${url} is not one unambiguous JSON object`)
    if (member(metadata, 'issuer') !== issuer) throw unusable(`${url} is of another issuer`)
    return textOf(metadata, 'jwks_uri', url)
  }

  async #get(url: string): Promise<Uint8Array> {
    const { http, allowsLoopbackHttp, fetchMs: timeoutMs = FETCH_MS_MAX } = this.#options
    const headers = { accept: 'application/json' }
    const { status, body } = await http.request({
      url,
      method: 'GET',
      headers,
      bytesMax: DOCUMENT_BYTES_MAX,
      timeoutMs,
      allowsLoopbackHttp,
    })
    // A redirect is one of them: who publishes the keys is configured, not told on the way.
    if (status !== 200) throw new HttpError('HTTP_FAILED', `${url} answers with status ${status}`)
    return body
  }
}

/** Where an issuer says what it is; a slash at the end of its name is not doubled. */
export function metadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

function textOf(metadata: Members, name: string, url: string): string {
  const value = member(metadata, name)
  if (typeof value !== 'string') throw unusable(`${url} has no ${name}`)
  return value
}

function unusable(message: string): IdentityError {
  return new IdentityError('IDENTITY_ISSUER_UNUSABLE', message)
}

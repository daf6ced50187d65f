import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Random } from '../../platform/index.ts'

/** What is remembered of a sign-in while the browser is at the identity provider. */
export interface LoginState {
  readonly login: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
  readonly returnTo: string
  readonly untilUs: number
}

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SECRET_BYTES = 32
/** Characters of the cookie; a browser takes 4096 with name and attributes. */
export const LOGIN_COOKIE_LENGTH_MAX = 3900
/** Sign-ins that were ended and must not be ended again; the oldest expire first. */
const USED_MAX = 100_000

/**
 * Keeps the state of a sign-in with the browser that began it, sealed, so that a flood of
 * beginnings costs no memory, and that only that browser can end it, once.
 */
export class LoginStates {
  readonly #random: Random
  /** Whoever has it ends what another process has begun: one of ours. */
  readonly key: Uint8Array
  /** States that were redeemed, in the order of their expiry. */
  readonly #used = new Map<string, number>()

  constructor(random: Random, key: Uint8Array = random.bytes(KEY_BYTES)) {
    this.#random = random
    this.key = key
  }

  /** A new sign-in: what only the two ends may know is made here. */
  begin(facts: Pick<LoginState, 'login' | 'returnTo' | 'untilUs'>): LoginState {
    const secret = (): string => Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
    return { ...facts, state: secret(), nonce: secret(), codeVerifier: secret() }
  }

  seal(state: LoginState): string {
    const nonce = this.#random.bytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce)
    const text = JSON.stringify(state)
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url')
  }

  /** Undefined for what this process did not seal, or sealed too long ago. */
  open(cookie: string, nowUs: number): LoginState | undefined {
    if (cookie.length > LOGIN_COOKIE_LENGTH_MAX || !/^[A-Za-z0-9_-]+$/.test(cookie))
      return undefined
    const bytes = Buffer.from(cookie, 'base64url')
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
    const state = this.#decrypt(bytes)
    return state !== undefined && state.untilUs > nowUs ? state : undefined
  }

  /** True once for each state: a callback that is replayed ends nothing. */
  redeem({ state, untilUs }: LoginState, nowUs: number): boolean {
    for (const [used, until] of this.#used) {
      if (until > nowUs && this.#used.size < USED_MAX) break
      this.#used.delete(used)
    }
    if (this.#used.has(state)) return false
    this.#used.set(state, untilUs)
    return true
  }

  #decrypt(bytes: Uint8Array): LoginState | undefined {
    const body = bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      const text = Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
      return JSON.parse(text) as LoginState
    } catch {
      return undefined // Not sealed under this key: an older process's, or somebody's own.
    }
  }
}

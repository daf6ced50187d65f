import { createHmac, timingSafeEqual } from 'node:crypto'

/** Of the key of nonces. */
export const NONCE_KEY_BYTES = 32
const MAC_BYTES = 16

/**
 * Nonces that need no memory: each period of time has one, made with a key that lives as long as
 * the process, or the gateway that it is a worker of. A proof that names one was therefore signed
 * in this life, and late enough; that holds whatever the signer's clock says.
 */
export class DpopNonces {
  readonly #key: Uint8Array
  readonly #periodUs: number
  #period = -1
  #current = ''
  #previous = ''

  constructor({ key, periodMs }: { readonly key: Uint8Array; readonly periodMs: number }) {
    this.#key = key
    this.#periodUs = periodMs * 1000
  }

  /** The one to give out now; it is accepted until the end of the next period. */
  current(nowUs: number): string {
    this.#turn(nowUs)
    return this.#current
  }

  accepts(nonce: string, nowUs: number): boolean {
    this.#turn(nowUs)
    return isEqual(nonce, this.#current) || isEqual(nonce, this.#previous)
  }

  #turn(nowUs: number): void {
    const period = Math.floor(nowUs / this.#periodUs)
    if (period === this.#period) return
    this.#period = period
    this.#current = this.#of(period)
    this.#previous = this.#of(period - 1)
  }

  #of(period: number): string {
    const mac = createHmac('sha256', this.#key).update(`countersign/dpop-nonce/v1\0${period}`)
    return mac.digest().subarray(0, MAC_BYTES).toString('base64url')
  }
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

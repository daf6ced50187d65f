import { createHash } from 'node:crypto'

/** RFC 6962 section 2.1 as it is written there: recursive, and sharing no line with the package. */
export class NaiveTree {
  readonly #entries: readonly Uint8Array[]
  readonly #known = new Map<string, string>()

  constructor(entries: readonly Uint8Array[]) {
    this.#entries = entries
  }

  /** MTH(D[start:end]) in hex. */
  mth(start: number, end: number): string {
    const key = `${start}-${end}`
    const hash = this.#known.get(key) ?? this.#hash(start, end)
    this.#known.set(key, hash)
    return hash
  }

  /** PATH(m, D[start:end]), section 2.1.1. */
  path(m: number, start: number, end: number): string[] {
    const n = end - start
    if (n === 1) return []
    const k = split(n)
    return m < k
      ? [...this.path(m, start, start + k), this.mth(start + k, end)]
      : [...this.path(m - k, start + k, end), this.mth(start, start + k)]
  }

  /** SUBPROOF(m, D[start:end], b), section 2.1.2. */
  subproof(m: number, start: number, end: number, b: boolean): string[] {
    const n = end - start
    if (m === n) return b ? [] : [this.mth(start, end)]
    const k = split(n)
    return m <= k
      ? [...this.subproof(m, start, start + k, b), this.mth(start + k, end)]
      : [...this.subproof(m - k, start + k, end, false), this.mth(start, start + k)]
  }

  #hash(start: number, end: number): string {
    const hash = createHash('sha256')
    if (end === start) return hash.digest('hex')
    const entry = this.#entries[start]
    if (end - start === 1 && entry) return hash.update('00', 'hex').update(entry).digest('hex')
    const middle = start + split(end - start)
    const [left, right] = [this.mth(start, middle), this.mth(middle, end)]
    return hash.update(`01${left}${right}`, 'hex').digest('hex')
  }
}

function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

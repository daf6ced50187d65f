import type { Measure } from './measure.ts'
import { addressBytes, maskBytes, type Target } from './target.ts'

/** What is known of a request so far, or of whoever asks for something else. */
export interface ContainedFacts {
  readonly principal?: { readonly id: string; readonly issuer?: string } | undefined
  readonly credential?:
    | { readonly id?: string | undefined; readonly sha256?: string | undefined }
    | undefined
  readonly address?: string
  readonly route?: string
  readonly upstream?: string
  readonly method?: string
}

type Kind = Target['kind']

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Measures by what they stand against: a lookup for each kind that occurs, none for the others. */
export class MeasureIndex {
  readonly #byKind = new Map<Kind, Map<string, Measure[]>>()
  /** Lengths of the prefixes that occur, in bits, with how many there are of each. */
  readonly #lengths = new Map<number, number>()
  #size = 0

  get isEmpty(): boolean {
    return this.#size === 0
  }

  add(measure: Measure): void {
    const { target } = measure
    const names = this.#byKind.get(target.kind) ?? new Map<string, Measure[]>()
    this.#byKind.set(target.kind, names)
    for (const name of namesOf(target)) names.set(name, [...(names.get(name) ?? []), measure])
    if (target.kind === 'address') this.#count(target.prefix, 1)
    this.#size += 1
  }

  remove({ id, target }: Measure): void {
    const names = this.#byKind.get(target.kind)
    for (const name of namesOf(target)) {
      const others = (names?.get(name) ?? []).filter((measure) => measure.id !== id)
      if (others.length > 0) names?.set(name, others)
      else names?.delete(name)
    }
    if (names?.size === 0) this.#byKind.delete(target.kind)
    if (target.kind === 'address') this.#count(target.prefix, -1)
    this.#size -= 1
  }

  /** One of the measures against these facts; undefined where there is none. */
  find(facts: ContainedFacts): Measure | undefined {
    if (this.#size === 0) return undefined
    const { principal, credential, address, route, upstream, method } = facts
    return (
      this.#named('principal', principal?.id, principal?.issuer) ??
      this.#named('credential', credential?.id, principal?.issuer) ??
      this.#named('token', credential?.id, principal?.issuer) ??
      this.#named('token', credential?.sha256, principal?.issuer) ??
      this.#named('route', route, undefined) ??
      this.#named('upstream', upstream, undefined) ??
      this.#addressed(address) ??
      (method === undefined || READING.has(method)
        ? undefined
        : this.#named('gateway', EVERYTHING, undefined))
    )
  }

  #named(kind: Kind, name: string | undefined, issuer: string | undefined): Measure | undefined {
    if (name === undefined) return undefined
    return this.#byKind
      .get(kind)
      ?.get(name)
      ?.find(({ target }) => {
        const only = 'issuer' in target ? target.issuer : undefined
        return only === undefined || only === issuer
      })
  }

  #addressed(address: string | undefined): Measure | undefined {
    const prefixes = this.#byKind.get('address')
    if (prefixes === undefined || address === undefined) return undefined
    const bytes = addressBytes(address)
    if (bytes === undefined) return undefined
    for (const length of this.#lengths.keys()) {
      const found = prefixes.get(prefixKey(maskBytes(bytes, length), length))
      if (found !== undefined) return found[0]
    }
    return undefined
  }

  #count(prefix: string, by: 1 | -1): void {
    const length = lengthOf(prefix)
    const count = (this.#lengths.get(length) ?? 0) + by
    if (count === 0) this.#lengths.delete(length)
    else this.#lengths.set(length, count)
  }
}

const EVERYTHING = ''

/** A certificate's serial is written in many ways: that of the records stands beside it. */
function namesOf(target: Target): readonly string[] {
  const name = nameOf(target)
  const serial = target.kind === 'credential' ? serialOf(name) : undefined
  return serial === undefined || serial === name ? [name] : [name, serial]
}

const SERIAL = /^(?:0x)?((?:[0-9a-f]{1,2}:)*[0-9a-f]+)$/i

/** As a certificate's credential has it: whole bytes in lower case, none of them a zero before. */
function serialOf(text: string): string | undefined {
  const [, digits] = SERIAL.exec(text) ?? []
  if (digits === undefined) return undefined
  const bytes = digits.split(':').map((each) => each.padStart(each.length + (each.length % 2), '0'))
  return bytes
    .join('')
    .toLowerCase()
    .replace(/^(?:00)+(?=..)/, '')
}

function nameOf(target: Target): string {
  switch (target.kind) {
    case 'principal':
    case 'credential':
    case 'token':
      return target.id
    case 'route':
    case 'upstream':
      return target.name
    case 'address': {
      const [address = ''] = target.prefix.split('/')
      return prefixKey(addressBytes(address) ?? [], lengthOf(target.prefix))
    }
    case 'gateway':
      return EVERYTHING
    default:
      return target satisfies never
  }
}

/** IPv4 and IPv6 differ in the number of bytes. */
function prefixKey(bytes: readonly number[], length: number): string {
  return `${bytes.join('.')}/${length}`
}

function lengthOf(prefix: string): number {
  return Number(prefix.slice(prefix.indexOf('/') + 1))
}

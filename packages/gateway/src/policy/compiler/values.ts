/** What a policy computes with. Longs are bigints: they have 64 bits, and overflow is an error. */
export type Value = boolean | bigint | string | EntityUid | SetValue | Attributes | Extension

/** The name of an entity, which need not exist. */
export class EntityUid {
  readonly type: string
  readonly id: string
  /** Equal for equal names, and for no others: no type has a NUL in it. */
  readonly key: string

  constructor(type: string, id: string) {
    this.type = type
    this.id = id
    this.key = entityKey(type, id)
  }
}

export function entityKey(type: string, id: string): string {
  return `${type}\0${id}`
}

/** A record, or what an entity has. */
export interface Attributes {
  get(name: string): Value | undefined
  entries(): Iterable<readonly [string, Value]>
}

/** An entity that exists. */
export interface Entity {
  readonly attributes: Attributes
  readonly tags: Attributes
  /** Keys of everything that it is in, by however many steps; not its own. */
  readonly ancestors: ReadonlySet<string>
}

export const NOTHING: Attributes = new Map<string, Value>()
export const NO_ANCESTORS: ReadonlySet<string> = new Set<string>()

/** An extension value; two are equal when type and number are. */
export class Extension {
  readonly type: 'ipaddr' | 'decimal' | 'datetime' | 'duration'
  /** Of a decimal in ten thousandths, of times in milliseconds, of an address its bits. */
  readonly number: bigint
  /** Of addresses alone: how many bits there are, and how many of them are fixed. */
  readonly bits: number
  readonly prefix: number

  constructor(type: Extension['type'], number: bigint, bits = 0, prefix = 0) {
    this.type = type
    this.number = number
    this.bits = bits
    this.prefix = prefix
  }
}

/** A set: order and repetition mean nothing. */
export class SetValue {
  readonly items: readonly Value[]
  /** What JavaScript can compare by itself. */
  readonly #plain: Set<Value>
  /** Keys of the rest; made when there is a rest. */
  readonly #keys: Set<string> | undefined

  constructor(items: readonly Value[]) {
    this.items = items
    this.#plain = new Set()
    for (const item of items) {
      if (typeof item !== 'object') this.#plain.add(item)
      else {
        this.#keys ??= new Set()
        this.#keys.add(keyOf(item))
      }
    }
  }

  get size(): number {
    return this.#plain.size + (this.#keys?.size ?? 0)
  }

  has(value: Value): boolean {
    if (typeof value !== 'object') return this.#plain.has(value)
    return this.#keys?.has(keyOf(value)) ?? false
  }

  hasAll(other: SetValue): boolean {
    return other.items.every((item) => this.has(item))
  }

  hasAny(other: SetValue): boolean {
    return other.items.some((item) => this.has(item))
  }
}

export function equal(left: Value, right: Value): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object') return false
  if (left instanceof EntityUid) return right instanceof EntityUid && left.key === right.key
  if (left instanceof Extension) {
    return (
      right instanceof Extension &&
      left.type === right.type &&
      left.number === right.number &&
      left.bits === right.bits &&
      left.prefix === right.prefix
    )
  }
  return keyOf(left) === keyOf(right)
}

/** A text that is equal for equal values, and for no others. */
export function keyOf(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (value instanceof EntityUid) return `@${JSON.stringify(value.key)}`
  if (value instanceof Extension) {
    return `${value.type}(${value.number},${value.bits},${value.prefix})`
  }
  if (value instanceof SetValue) {
    return `[${[...new Set(value.items.map(keyOf))].sort().join()}]`
  }
  const members = Array.from(value.entries(), ([name, item]) => {
    return `${JSON.stringify(name)}:${keyOf(item)}`
  })
  return `{${members.sort().join()}}`
}

export function isAttributes(value: Value): value is Attributes {
  return typeof value === 'object' && 'entries' in value
}

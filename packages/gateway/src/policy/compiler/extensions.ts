import { isInRange, isLoopback, isMulticast, parseAddress } from './address.ts'
import type { Evaluate } from './environment.ts'
import { fail } from './evaluation-error.ts'
import { checked } from './long.ts'
import { DAY_MS, parseDatetime, parseDecimal, parseDuration, UNITS_MS } from './numbers.ts'
import { uncovered } from './uncovered.ts'
import { Extension, type Value } from './values.ts'

type Type = Extension['type']
type Unary = (value: Value) => Value
type Binary = (left: Value, right: Value) => Value

const UNARY: Readonly<Record<string, Unary>> = {
  ip: (text) => parsed(parseAddress, text),
  decimal: (text) => parsed(parseDecimal, text),
  datetime: (text) => parsed(parseDatetime, text),
  duration: (text) => parsed(parseDuration, text),
  isIpv4: (address) => of('ipaddr', address).bits === 32,
  isIpv6: (address) => of('ipaddr', address).bits === 128,
  isLoopback: (address) => isLoopback(of('ipaddr', address)),
  isMulticast: (address) => isMulticast(of('ipaddr', address)),
  toDate: (time) => new Extension('datetime', startOfDay(of('datetime', time).number)),
  toTime: (time) => new Extension('duration', timeOfDay(of('datetime', time).number)),
  ...Object.fromEntries(Object.entries(UNITS_MS).map(([name, unitMs]) => [name, inUnits(unitMs)])),
}

const BINARY: Readonly<Record<string, Binary>> = {
  isInRange: (inner, outer) => isInRange(of('ipaddr', inner), of('ipaddr', outer)),
  lessThan: (a, b) => of('decimal', a).number < of('decimal', b).number,
  lessThanOrEqual: (a, b) => of('decimal', a).number <= of('decimal', b).number,
  greaterThan: (a, b) => of('decimal', a).number > of('decimal', b).number,
  greaterThanOrEqual: (a, b) => of('decimal', a).number >= of('decimal', b).number,
  offset: (time, by) =>
    new Extension('datetime', checked(of('datetime', time).number + of('duration', by).number)),
  durationSince: (time, other) =>
    new Extension('duration', checked(of('datetime', time).number - of('datetime', other).number)),
}

/** A call of an extension function or method, whose name is `name`. */
export function compileCall(name: string, operands: readonly Evaluate[]): Evaluate {
  const [first, second] = operands
  const unary = Object.hasOwn(UNARY, name) ? UNARY[name] : undefined
  if (unary !== undefined && first !== undefined && operands.length === 1) {
    return (environment) => unary(first(environment))
  }
  const binary = Object.hasOwn(BINARY, name) ? BINARY[name] : undefined
  if (binary !== undefined && first !== undefined && second !== undefined) {
    return (environment) => binary(first(environment), second(environment))
  }
  return uncovered(`the function ${name}`)
}

function parsed(parse: (text: string) => Extension | undefined, text: Value): Extension {
  return (typeof text === 'string' ? parse(text) : undefined) ?? fail()
}

function of(type: Type, value: Value): Extension {
  return value instanceof Extension && value.type === type ? value : fail()
}

function inUnits(unitMs: bigint): Unary {
  return (duration) => of('duration', duration).number / unitMs
}

/** Midnight before, in UTC; of the very first day there is none. */
function startOfDay(ms: bigint): bigint {
  return checked(ms - timeOfDay(ms))
}

function timeOfDay(ms: bigint): bigint {
  return ((ms % DAY_MS) + DAY_MS) % DAY_MS
}

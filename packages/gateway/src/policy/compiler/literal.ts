import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'
import { compileCall } from './extensions.ts'
import { UncoveredError, uncovered } from './uncovered.ts'
import { EntityUid, SetValue, type Value } from './values.ts'

/** A value of the JSON form of policies and entities. */
export function readValue(json: CedarValueJson): Value {
  if (typeof json === 'boolean' || typeof json === 'string') return json
  if (typeof json === 'number') return readLong(json)
  if (json === null) return uncovered('null')
  if (Array.isArray(json)) return new SetValue(json.map(readValue))
  if (isEntity(json)) return new EntityUid(json.__entity.type, json.__entity.id)
  if (isCall(json)) return readCall(json.__extn)
  return new Map(Object.entries(json).map(([name, item]) => [name, readValue(item)]))
}

/** Beyond 53 bits JSON has rounded the number: it is not the one that was written. */
function readLong(number: number): bigint {
  return Number.isSafeInteger(number) ? BigInt(number) : uncovered('a number beyond 2^53 - 1')
}

type EntityJson = Extract<CedarValueJson, { readonly __entity: unknown }>
type CallJson = Extract<CedarValueJson, { readonly __extn: unknown }>

function isEntity(json: object): json is EntityJson {
  return Object.hasOwn(json, '__entity')
}

function isCall(json: object): json is CallJson {
  return Object.hasOwn(json, '__extn')
}

function readCall(call: CallJson['__extn']): Value {
  const values = ('args' in call ? call.args : [call.arg]).map(readValue)
  const evaluate = compileCall(
    call.fn,
    values.map((value) => () => value),
  )
  return evaluate(NO_ENVIRONMENT)
}

/** A literal looks at nothing. */
const NO_ENVIRONMENT = new Proxy({} as Parameters<ReturnType<typeof compileCall>>[0], {
  get: () => {
    throw new UncoveredError('a literal that depends on the request')
  },
})

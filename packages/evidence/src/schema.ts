import { EvidenceError } from './error.ts'
import type { Json } from './json.ts'

/** The part of JSON Schema (2020-12) that the sections need, and no more. */
export type Schema =
  | TextSchema
  | IntegerSchema
  | ArraySchema
  | ObjectSchema
  | MapSchema
  | { readonly type: 'boolean' }
  | { readonly const: string | number | true }
  | { readonly oneOf: readonly Schema[] }
  | { readonly title: 'any' }

export interface TextSchema {
  readonly type: 'string'
  readonly enum?: readonly string[]
  readonly pattern?: string
}

export interface IntegerSchema {
  readonly type: 'integer'
  readonly minimum: number
  readonly maximum: number
}

export interface ArraySchema {
  readonly type: 'array'
  readonly items: Schema
  readonly maxItems: number
}

/** An object with exactly these members. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly properties: { readonly [name: string]: Schema }
  readonly required: readonly string[]
  readonly additionalProperties: false
}

/** An object whose members have names of their own and values of one kind. */
export interface MapSchema {
  readonly type: 'object'
  readonly additionalProperties: Schema
  readonly maxProperties: number
}

type OptionalKey<T> = { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T]

/** Returns the schema of a strict object; the compiler holds its names against the type `T`. */
export function strictObject<T>(
  required: { readonly [K in Exclude<keyof T, OptionalKey<T>>]: Schema },
  optional: { readonly [K in OptionalKey<T>]: Schema },
): ObjectSchema {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  }
}

/** Throws EvidenceError EVIDENCE_SCHEMA, with the path of the first offence. */
export type Validate = (value: Json, path: string) => void

/** Returns a function that checks values against `schema`; compiled once, cheap to call. */
export function compileSchema(schema: Schema): Validate {
  if ('const' in schema) return constant(schema.const)
  if ('oneOf' in schema) return oneOf(schema.oneOf)
  if ('title' in schema) return anything
  if (schema.type === 'string') return text(schema)
  if (schema.type === 'integer') return integer(schema)
  if (schema.type === 'array') return array(schema)
  if (schema.type === 'boolean') return boolean
  return 'properties' in schema ? object(schema) : map(schema)
}

/** Strict JSON of any form: the parser has checked all that there is to check. */
function anything(value: Json, path: string): void {
  if (value === undefined) refuse(path, 'is missing')
}

function constant(wanted: string | number | true): Validate {
  return (value, path) => {
    if (value !== wanted) refuse(path, `is not ${JSON.stringify(wanted)}`)
  }
}

function boolean(value: Json, path: string): void {
  if (typeof value !== 'boolean') refuse(path, 'is not a boolean')
}

function text(schema: TextSchema): Validate {
  const pattern = schema.pattern === undefined ? undefined : new RegExp(schema.pattern, 'u')
  const choices = schema.enum === undefined ? undefined : new Set(schema.enum)
  return (value, path) => {
    if (typeof value !== 'string') return refuse(path, 'is not a string')
    if (choices !== undefined && !choices.has(value)) refuse(path, 'is not one of the known values')
    if (pattern !== undefined && !pattern.test(value)) refuse(path, 'has another form')
  }
}

function integer({ minimum, maximum }: IntegerSchema): Validate {
  return (value, path) => {
    if (!Number.isSafeInteger(value)) return refuse(path, 'is not an integer')
    const number = Number(value)
    if (number < minimum || number > maximum) refuse(path, `is not in ${minimum}..${maximum}`)
  }
}

function array({ items, maxItems }: ArraySchema): Validate {
  const check = compileSchema(items)
  return (value, path) => {
    if (!Array.isArray(value)) return refuse(path, 'is not an array')
    if (value.length > maxItems) refuse(path, `has more than ${maxItems} items`)
    value.forEach((item, at) => {
      check(item, `${path}[${at}]`)
    })
  }
}

function object({ properties, required }: ObjectSchema): Validate {
  const checks = new Map(Object.entries(properties).map(([k, v]) => [k, compileSchema(v)]))
  return (value, path) => {
    const members = membersOf(value, path)
    for (const [name, item] of Object.entries(members)) {
      const check = checks.get(name)
      if (check === undefined) return refuse(`${path}.${name}`, 'is unknown')
      check(item, `${path}.${name}`)
    }
    for (const name of required) {
      if (!Object.hasOwn(members, name)) refuse(`${path}.${name}`, 'is missing')
    }
  }
}

function map({ additionalProperties, maxProperties }: MapSchema): Validate {
  const check = compileSchema(additionalProperties)
  return (value, path) => {
    const members = Object.entries(membersOf(value, path))
    if (members.length > maxProperties) refuse(path, `has more than ${maxProperties} members`)
    for (const [name, item] of members) check(item, `${path}.${name}`)
  }
}

/** Alternatives tell themselves apart by a constant member, so at most one matches. */
function oneOf(schemas: readonly Schema[]): Validate {
  const checks = schemas.map(compileSchema)
  return (value, path) => {
    const faults: unknown[] = []
    for (const check of checks) {
      try {
        return check(value, path)
      } catch (fault) {
        faults.push(fault)
      }
    }
    const cause = new AggregateError(faults)
    throw new EvidenceError('EVIDENCE_SCHEMA', `${path} matches none of its forms`, { cause })
  }
}

function membersOf(value: Json, path: string): { readonly [name: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(path, 'is not an object')
  }
  return value as { readonly [name: string]: Json }
}

function refuse(path: string, why: string): never {
  throw new EvidenceError('EVIDENCE_SCHEMA', `${path} ${why}`)
}

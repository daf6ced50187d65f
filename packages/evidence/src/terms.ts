import type { Schema } from './schema.ts'

// Text has no length of its own: callers choose much of it, and one limit, that of the section,
// is met when the record is written. A second one here would make honest records look tampered.
export const TEXT = { type: 'string' } as const satisfies Schema
export const TRUE = { const: true } as const satisfies Schema
export const COUNT = integer(Number.MAX_SAFE_INTEGER)
export const PORT = integer(65_535)
export const STATUS = { type: 'integer', minimum: 100, maximum: 999 } as const satisfies Schema
export const UUID = form('^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')
export const TIME = form('^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$')
export const SHA256 = form('^[0-9a-f]{64}$')
export const KEY_ID = form('^[0-9a-f]{32}$')
export const SALT = form('^[0-9a-f]{32}$')
// A later version may know more reasons; a record that names one of them is still well formed.
export const REASON = form('^[a-z][a-z0-9-]{1,63}$')
export const ANY = { title: 'any' } as const satisfies Schema
export const FACTS = map(ANY, 1024)

export function form(pattern: string): Schema {
  return { type: 'string', pattern }
}

export function oneWordOf(words: readonly string[]): Schema {
  return { type: 'string', enum: words }
}

export function integer(maximum: number): Schema {
  return { type: 'integer', minimum: 0, maximum }
}

export function list(items: Schema, maxItems: number): Schema {
  return { type: 'array', items, maxItems }
}

export function map(additionalProperties: Schema, maxProperties: number): Schema {
  return { type: 'object', additionalProperties, maxProperties }
}

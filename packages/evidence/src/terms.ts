import type { Schema } from './schema.ts'

/** Schemas of the terms that several sections use. */
export const ID = text(512)
export const NAME = text(128)
export const LONG_TEXT = text(8192)
export const FLAG = { type: 'boolean' } as const satisfies Schema
export const COUNT = integer(Number.MAX_SAFE_INTEGER)
export const PORT = integer(65_535)
export const STATUS = { type: 'integer', minimum: 100, maximum: 599 } as const satisfies Schema
export const UUID = form('^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')
export const TIME = form('^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$')
export const SHA256 = form('^[0-9a-f]{64}$')
export const KEY_ID = form('^[0-9a-f]{32}$')
export const ADDRESS = text(64)
export const ANY = { title: 'any' } as const satisfies Schema
export const FACTS = map(ANY, 64)

export function text(maxLength: number): Schema {
  return { type: 'string', maxLength }
}

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

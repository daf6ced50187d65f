import { type HeaderFields, valuesOf } from '../header-fields.ts'
import { parseContentType } from './content-type.ts'

/** What a message says of its body. */
export interface BodyType {
  /** `type/subtype` in lower case, as it was said first; undefined where nothing was. */
  readonly type: string | undefined
  readonly charset: string | undefined
  /** Content coding in lower case; undefined: none. `mixed`: more than one. */
  readonly coding: string | undefined
}

const IDENTITY = /^(?:identity)?$/

export function bodyType(fields: HeaderFields): BodyType {
  const values = valuesOf(fields, 'content-type')
  const [value = ''] = values
  const said = parseContentType(value)
  // Two types are none: nobody knows which of them a reader will believe.
  const type = values.length === 1 ? said.type : undefined
  const codings = valuesOf(fields, 'content-encoding')
    .flatMap((each) => each.split(','))
    .map((each) => each.trim().toLowerCase())
    .filter((each) => !IDENTITY.test(each))
  const coding = codings.length > 1 ? 'mixed' : codings[0]
  return { type, charset: said.charset, coding }
}

/** Says of types whether one of the ranges takes them. */
export function typeRanges(ranges: readonly string[]): (type: string | undefined) => boolean {
  return (type) =>
    ranges.some((range) => range === '*/*' || (type !== undefined && fits(range, type)))
}

function fits(range: string, type: string): boolean {
  if (range === type) return true
  const [major, minor = ''] = range.split('/')
  const [typeMajor, typeMinor = ''] = type.split('/')
  if (major !== typeMajor) return false
  return minor === '*' || (minor.startsWith('*+') && typeMinor.endsWith(minor.slice(1)))
}

const JSON_TYPES = new Set(['application/json', 'text/json', 'text/x-json', 'application/x-json'])

export function isJson(type: string | undefined): boolean {
  return JSON_TYPES.has(type ?? '') || type?.endsWith('+json') === true
}

export const FORM = 'application/x-www-form-urlencoded'

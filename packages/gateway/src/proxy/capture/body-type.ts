import { type HeaderFields, valuesOf } from '../header-fields.ts'

/** What a message says of its body. */
export interface BodyType {
  /** `type/subtype` in lower case, as it was said first; undefined where nothing was. */
  readonly type: string | undefined
  readonly charset: string | undefined
  /** Content coding in lower case; undefined: none. `mixed`: more than one. */
  readonly coding: string | undefined
}

const MEDIA_TYPE = /^[ \t]*([a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100})[ \t]*(?:;|$)/i
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([a-z0-9_.:-]{1,40})/i
const IDENTITY = /^(?:identity)?$/

export function bodyType(fields: HeaderFields): BodyType {
  const values = valuesOf(fields, 'content-type')
  const [value = ''] = values
  // Two types are none: nobody knows which of them a reader will believe.
  const type = values.length === 1 ? MEDIA_TYPE.exec(value)?.[1]?.toLowerCase() : undefined
  const codings = valuesOf(fields, 'content-encoding')
    .flatMap((each) => each.split(','))
    .map((each) => each.trim().toLowerCase())
    .filter((each) => !IDENTITY.test(each))
  const coding = codings.length > 1 ? 'mixed' : codings[0]
  return { type, charset: CHARSET.exec(value)?.[1]?.toLowerCase(), coding }
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

export function isJson(type: string | undefined): boolean {
  return type === 'application/json' || type?.endsWith('+json') === true
}

export const FORM = 'application/x-www-form-urlencoded'

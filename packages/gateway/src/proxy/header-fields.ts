import { HOP_BY_HOP, lookAlike } from './field-names.ts'

/** Header lines in the order received, each name as it was spelled. */
export type HeaderFields = readonly (readonly [name: string, value: string])[]

/** Node's flat list of names and values, as pairs. */
export function pairFields(flat: readonly string[]): HeaderFields {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] ?? '', flat[at + 1] ?? ''])
  return pairs
}

/** Every value under a name, in order; never joined, because joining hides how many there were. */
export function valuesOf(fields: HeaderFields, lowerCaseName: string): readonly string[] {
  let values: string[] | undefined
  for (const [name, value] of fields) {
    if (name.length !== lowerCaseName.length || name.toLowerCase() !== lowerCaseName) continue
    if (values === undefined) values = [value]
    else values.push(value)
  }
  return values ?? NO_VALUES
}

const NO_VALUES: readonly string[] = []

/** Space and tab, and nothing else that JavaScript would trim: 0xA0 is a part of a name. */
const SPACE_AROUND = /^[ \t]+|[ \t]+$/g

/** The items of comma-separated lists, as they are spelled, empty ones too. */
export function listItems(values: readonly string[]): readonly string[] {
  const items: string[] = []
  for (const value of values) {
    for (const part of value.includes(',') ? value.split(',') : [value]) {
      items.push(part.replace(SPACE_AROUND, ''))
    }
  }
  return items
}

/** The members of comma-separated lists, lower case, without empty ones. */
export function listMembers(values: readonly string[]): readonly string[] {
  if (values.length === 0) return NO_MEMBERS
  return listItems(values)
    .filter((item) => item !== '')
    .map((item) => item.toLowerCase())
}

const NO_MEMBERS: readonly string[] = []

/**
 * The fields without those of the connection (HOP_BY_HOP, and what `Connection` names), and without
 * those that `isOurs` says of. Look-alikes of a name go with it.
 */
export function endToEnd(
  fields: HeaderFields,
  isOurs: (lookAlike: string) => boolean = () => false,
): (readonly [name: string, value: string])[] {
  const nominated = listMembers(valuesOf(fields, 'connection')).map(lookAlike)
  const passing: (readonly [string, string])[] = []
  for (const field of fields) {
    const name = lookAlike(field[0])
    if (HOP_BY_HOP.has(name) || nominated.includes(name)) continue
    if (!isOurs(name)) passing.push(field)
  }
  return passing
}

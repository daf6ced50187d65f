import { z } from 'zod'
import { isFixed, lookAlike } from './field-names.ts'
import type { HeaderFields } from './header-fields.ts'

const FIELDS_MAX = 32

const fieldName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,100}$/, 'is not a header name')
  .refine(
    (name) => !isFixed(lookAlike(name)),
    'is said by the gateway itself, or frames the message',
  )
const fieldValue = z
  .string()
  .max(4096)
  .regex(/^([!-~]([ \t!-~]*[!-~])?)?$/, 'is not a header value in ASCII')

/** What is done to the header fields of one direction. */
export const fieldRulesSchema = z
  .strictObject({
    set: z
      .record(fieldName, fieldValue)
      .refine((set) => Object.keys(set).length <= FIELDS_MAX, `has more than ${FIELDS_MAX} names`)
      .default({}),
    remove: z.array(fieldName).max(FIELDS_MAX).default([]),
  })
  .describe('fields to set, in place of what came, and to remove; look-alikes of them are removed')

export type FieldRulesConfig = z.infer<typeof fieldRulesSchema>

/** What a route does to the fields of one direction, made ready once. */
export class FieldRules {
  readonly #gone: ReadonlySet<string>
  readonly #added: HeaderFields

  constructor({ set, remove }: FieldRulesConfig) {
    this.#added = Object.entries(set)
    this.#gone = new Set([...Object.keys(set), ...remove].map(lookAlike))
  }

  apply(fields: HeaderFields): HeaderFields {
    const kept = fields.filter(([name]) => !this.#gone.has(lookAlike(name)))
    return [...kept, ...this.#added]
  }
}

import { z } from 'zod'

/** As routes name an authenticator. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'is not a short plain name in lower case')
  .refine((name) => name !== 'keys', 'is the name of the keys file')

/** A secret is named, never written into the configuration. */
export const secretSchema = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
])

export const urlSchema = z.url({ protocol: /^https?$/ })

/** A claim's name, or a JSON pointer to a value inside one. */
const claimSchema = z.string().min(1).max(200)

const valueSource = z.strictObject({
  claim: claimSchema,
  values: z
    .record(z.string().min(1).max(200), z.string().min(1).max(200))
    .optional()
    .describe('with it, only values that are listed, under the names they are given here'),
})

/** What becomes of claims. */
export const mappingSchema = z.strictObject({
  groups: z.array(valueSource).max(32).default([]).describe('claims whose values are groups'),
  roles: z.array(valueSource).max(32).default([]).describe('claims whose values are roles'),
  claims: z
    .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/), claimSchema)
    .default({})
    .describe('claims that policies may see, by the name that they have there'),
})

/** Whom tokens stand for: the same settings wherever tokens come from. */
export const NAMING = {
  principalPrefix: z
    .string()
    .max(64)
    .optional()
    .describe("before every principal's id; without it the name and a colon"),
  subjectClaim: z.string().min(1).max(200).default('sub').describe('claim that says who it is'),
  kind: z
    .enum(['by-client', 'user', 'service'])
    .default('by-client')
    .describe('by-client: a token whose subject is its client is of a service'),
  scopes: z
    .strictObject({
      claim: z.string().min(1).max(200).default('scope'),
      form: z.enum(['words', 'list']).default('words'),
    })
    .prefault({}),
  map: mappingSchema.prefault({}),
  mfaAcr: z
    .array(z.string().min(1).max(200))
    .max(32)
    .default([])
    .describe('values of `acr` that mean more than one factor; `mfa` in `amr` does so always'),
}

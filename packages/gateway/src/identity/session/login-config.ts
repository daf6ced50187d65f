import { z } from 'zod'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A claim's name, as the identity provider spells it. */
const claim = z.string().min(1).max(200)

/** One item of `identity.logins`: people who sign in with a browser. */
export const loginConfigSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'is not a short plain name in lower case')
    .describe('as routes name it'),
  issuer: z.url({ protocol: /^https?$/ }).describe('of the identity provider, exactly'),
  clientId: z.string().min(1).max(200),
  clientSecretFile: z
    .string()
    .min(1)
    .optional()
    .describe('file of the client secret; without it the client is public'),
  externalUrl: z
    .url({ protocol: /^https?$/ })
    .refine((url) => new URL(url).pathname === '/', 'is more than scheme, host and port')
    .describe('scheme, host and port at which browsers reach this gateway'),
  scopes: z.array(z.string().min(1).max(100)).max(32).default(['openid']),
  claims: z
    .strictObject({
      groups: claim.default('groups').describe('claim whose values are groups'),
      roles: claim.default('roles').describe('claim whose values are roles'),
      keep: z.array(claim).max(32).default([]).describe('claims that policies may ask for'),
    })
    .prefault({}),
  sessionMs: z
    .int()
    .min(MINUTE_MS)
    .max(30 * DAY_MS)
    .default(8 * HOUR_MS),
  idleMs: z
    .int()
    .min(MINUTE_MS)
    .max(30 * DAY_MS)
    .default(HOUR_MS),
  sessionsMax: z.int().min(1).max(1_000_000).default(10_000),
  allowLoopbackHttp: z
    .boolean()
    .default(false)
    .describe('plain http to a provider on this machine, for trying things out'),
})

export type LoginConfig = z.infer<typeof loginConfigSchema>

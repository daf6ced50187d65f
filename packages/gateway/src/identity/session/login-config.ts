import { z } from 'zod'
import { mappingSchema, nameSchema, secretSchema, urlSchema } from '../token/token-config.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** One item of `identity.logins`: people who sign in with a browser. */
export const loginConfigSchema = z.strictObject({
  name: nameSchema.describe('as routes name it'),
  issuer: urlSchema.describe('of the identity provider, exactly'),
  clientId: z.string().min(1).max(200),
  clientSecret: secretSchema.optional().describe('without it the client is a public one'),
  externalUrl: z
    .url({ protocol: /^https?$/ })
    .refine((url) => new URL(url).pathname === '/', 'is more than scheme, host and port')
    .describe('scheme, host and port at which browsers reach this gateway'),
  scopes: z.array(z.string().min(1).max(100)).max(32).default(['openid']),
  principalPrefix: z
    .string()
    .max(64)
    .optional()
    .describe("before every principal's id; without it the name and a colon"),
  map: mappingSchema.prefault({}),
  mfaAcr: z
    .array(z.string().min(1).max(200))
    .max(32)
    .default([])
    .describe('values of `acr` that mean more than one factor; `mfa` in `amr` does so always'),
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
  sessionsMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('sessions at once; beyond it the least recently used one of anybody ends'),
  sessionsPerPersonMax: z
    .int()
    .min(1)
    .max(1000)
    .default(20)
    .describe("sessions of one person at once; beyond it that person's oldest one ends"),
  allowLoopbackHttp: z
    .boolean()
    .default(false)
    .describe('plain http to a provider on this machine, for trying things out'),
})

export type LoginConfig = z.infer<typeof loginConfigSchema>

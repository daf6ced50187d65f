import { z } from 'zod'
import { NAMING, nameSchema, secretSchema, urlSchema } from '../token/token-config.ts'

const HOUR_MS = 3_600_000
export const CACHE_MS = 60_000
export const INACTIVE_MS = 10_000
export const UNANSWERED_MS = 60_000
export const ANSWER_MS_MAX = 5000
export const IN_FLIGHT_MAX = 64

/** One item of `identity.introspection`: tokens that only their issuer can read (RFC 7662). */
export const introspectionSchema = z
  .strictObject({
    name: nameSchema.describe('as routes name it'),
    issuer: z.string().min(1).max(500).describe('of its principals; `iss` where it is said'),
    endpoint: urlSchema.describe('where tokens are asked about'),
    clientId: z.string().min(1).max(200),
    clientSecret: secretSchema,
    audiences: z
      .array(z.string().min(1).max(500))
      .min(1)
      .max(32)
      .optional()
      .describe('`aud`: one of these; without it whatever the endpoint says is active for us'),
    clients: z.array(z.string().min(1).max(256)).min(1).optional().describe('`client_id`'),
    ...NAMING,
    cacheMs: z
      .int()
      .min(0)
      .max(HOUR_MS)
      .default(CACHE_MS)
      .describe('how long "active" is believed; a token that is taken back lives on so long'),
    unansweredMs: z
      .int()
      .min(0)
      .max(HOUR_MS)
      .default(UNANSWERED_MS)
      .describe('how long what is open goes on while nobody answers whether its token is active'),
    inactiveMs: z.int().min(0).max(HOUR_MS).default(INACTIVE_MS).describe('the same, "inactive"'),
    answerMs: z.int().min(100).max(60_000).default(ANSWER_MS_MAX),
    inFlightMax: z.int().min(1).max(10_000).default(IN_FLIGHT_MAX).describe('questions at once'),
    inFlightPerNetworkMax: z
      .int()
      .min(1)
      .max(10_000)
      .optional()
      .describe(
        'of one client network (IPv4 /24, IPv6 /48); a quarter of `inFlightMax` unless set',
      ),
    allowLoopbackHttp: z
      .boolean()
      .default(false)
      .describe('plain http to an endpoint on this machine, for trying things out'),
  })
  .superRefine(({ endpoint, allowLoopbackHttp }, context) => {
    if (endpoint.startsWith('https:') || allowLoopbackHttp) return
    const message = `${endpoint} is not an https URL`
    context.addIssue({ code: 'custom', path: ['endpoint'], message })
  })

export type IntrospectionConfig = z.infer<typeof introspectionSchema>

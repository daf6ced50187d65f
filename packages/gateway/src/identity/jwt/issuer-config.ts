import { z } from 'zod'
import { NAMING, nameSchema, secretSchema, urlSchema } from '../token/token-config.ts'
import { ALGORITHM_NAMES, isSymmetric, USUAL_ALGORITHMS } from './algorithms.ts'
import { FETCH_MS_MAX, REFRESH_COOLDOWN_MS, REFRESH_EVERY_MS, STALE_MS_MAX } from './issuer-keys.ts'

const SECOND_MS = 1000
const DAY_MS = 86_400_000

/** One item of `identity.issuers`. */
export const issuerSchema = z
  .strictObject({
    name: nameSchema.describe('as routes name it'),
    issuer: z.string().min(1).max(500).describe('`iss` of its tokens, to the letter'),
    audiences: z.array(z.string().min(1).max(500)).min(1).max(32).describe('`aud`: one of these'),
    jwksUrl: urlSchema.optional().describe("its keys; without it the issuer's metadata is asked"),
    jwksFile: z.string().min(1).optional().describe('its keys, in a file'),
    secret: secretSchema.optional().describe('shared with the issuer, for HS256 to HS512'),
    algorithms: z
      .array(z.enum(ALGORITHM_NAMES))
      .min(1)
      .default([...USUAL_ALGORITHMS]),
    profile: z
      .enum(['access-token', 'jwt'])
      .default('access-token')
      .describe('access-token: RFC 9068; jwt: any signed JWT that is not plainly something else'),
    clients: z
      .array(z.string().min(1).max(256))
      .min(1)
      .optional()
      .describe('`client_id` or `azp`; without it any client of the issuer'),
    lifetimeMs: z
      .int()
      .min(SECOND_MS)
      .max(366 * DAY_MS)
      .default(DAY_MS)
      .describe('of a token'),
    rsaExponent: z
      .enum(['usual', 'odd'])
      .default('usual')
      .describe('usual: 65537; odd: any odd exponent from 3 on'),
    ...NAMING,
    allowLoopbackHttp: z
      .boolean()
      .default(false)
      .describe('plain http to an issuer on this machine, for trying things out'),
    refreshEveryMs: z.int().min(SECOND_MS).max(DAY_MS).default(REFRESH_EVERY_MS),
    refreshCooldownMs: z
      .int()
      .min(SECOND_MS)
      .max(DAY_MS)
      .default(REFRESH_COOLDOWN_MS)
      .describe('between two refreshes for keys that are unknown'),
    staleMs: z
      .int()
      .min(SECOND_MS)
      .max(31 * DAY_MS)
      .default(STALE_MS_MAX)
      .describe('how long the last keys are believed when the issuer does not answer'),
    fetchMs: z.int().min(100).max(60_000).default(FETCH_MS_MAX),
  })
  .superRefine((issuer, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message })
    const { secret, jwksUrl, jwksFile, algorithms } = issuer
    if ([secret, jwksUrl, jwksFile].filter((source) => source !== undefined).length > 1) {
      problem('secret', 'only one of secret, jwksUrl and jwksFile says where the keys are')
    }
    // Together they would let anybody sign with the public key as if it were the secret.
    if (!algorithms.every((name) => isSymmetric(name) === (secret !== undefined))) {
      const needed = secret === undefined ? 'need a secret' : 'are the only ones with a secret'
      problem('algorithms', `HS256, HS384 and HS512 ${needed}`)
    }
    const discovers = secret === undefined && jwksUrl === undefined && jwksFile === undefined
    const plain = [jwksUrl, discovers ? issuer.issuer : undefined].find(
      (url) => url !== undefined && !isHttps(url, issuer.allowLoopbackHttp),
    )
    if (plain !== undefined) {
      problem(discovers ? 'issuer' : 'jwksUrl', `${plain} is not an https URL`)
    }
  })

export type IssuerConfig = z.infer<typeof issuerSchema>

function isHttps(url: string, allowsLoopbackHttp: boolean): boolean {
  return (
    URL.canParse(url) &&
    (url.startsWith('https:') || (allowsLoopbackHttp && url.startsWith('http:')))
  )
}

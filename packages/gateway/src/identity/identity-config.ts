import { z } from 'zod'
import { certificatesSchema } from './certificate/certificate-rules.ts'
import { dpopSchema } from './dpop/dpop-config.ts'
import { signaturesSchema } from './http-signature/signature-config.ts'
import { issuerSchema } from './jwt/issuer-config.ts'
import { loginConfigSchema } from './session/login-config.ts'

const CLOCK_SKEW_MS_MAX = 60_000
const CLOCK_SKEW_MS = 30_000
const TOKENS_MAX = 10_000_000
const TOKENS = 20_000

/** The section `identity` of the configuration. */
export const identityConfigSchema = z
  .strictObject({
    keysFile: z
      .string()
      .min(1)
      .describe(
        'YAML file of hashed API keys, the authenticator "keys"; read again when it changes',
      ),
    revocationsFile: z
      .string()
      .min(1)
      .optional()
      .describe('YAML file of tokens taken back; `tokens revoke` writes it'),
    issuers: z.array(issuerSchema).max(100).default([]).describe('whose JWTs are taken'),
    logins: z
      .array(loginConfigSchema)
      .max(20)
      .default([])
      .describe('identity providers where people sign in with a browser'),
    dpop: dpopSchema.prefault({}),
    certificates: z.array(certificatesSchema).max(100).default([]),
    signatures: z.array(signaturesSchema).max(100).default([]),
    clockSkewMs: z
      .int()
      .min(0)
      .max(CLOCK_SKEW_MS_MAX)
      .default(CLOCK_SKEW_MS)
      .describe("how far an issuer's clock may be from ours"),
    verifiedTokensMax: z
      .int()
      .min(2)
      .max(TOKENS_MAX)
      .default(TOKENS)
      .describe('verified tokens that are remembered until they expire'),
  })
  .superRefine((config, context) => {
    const names = [...config.issuers, ...config.logins].map(({ name }) => name)
    const again = config.logins.findIndex(({ name }, at) => {
      return names.indexOf(name) !== config.issuers.length + at
    })
    if (again !== -1) {
      const message = `a second authenticator called ${config.logins[again]?.name}`
      context.addIssue({ code: 'custom', path: ['logins', again, 'name'], message })
    }
    for (const key of ['name', 'issuer'] as const) {
      const values = config.issuers.map((issuer) => issuer[key])
      const at = values.findIndex((value, index) => values.indexOf(value) !== index)
      if (at === -1) continue
      const message = `a second ${JSON.stringify(values[at])} in issuers`
      context.addIssue({ code: 'custom', path: ['issuers', at, key], message })
    }
  })

export type IdentityConfig = z.infer<typeof identityConfigSchema>

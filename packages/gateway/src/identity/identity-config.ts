import { z } from 'zod'
import { certificatesSchema } from './certificate/certificate-rules.ts'
import { dpopSchema } from './dpop/dpop-config.ts'
import { signaturesSchema } from './http-signature/signature-config.ts'
import { introspectionSchema } from './introspection/introspection-config.ts'
import { issuerSchema } from './jwt/issuer-config.ts'
import { loginConfigSchema } from './session/login-config.ts'
import { jwtSvidsName, type SpiffeConfig, spiffeSchema } from './spiffe/spiffe-config.ts'
import { statementsSchema } from './statement/statements.ts'

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
    authority: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file: authorities of issuers that are trusted beside the usual ones'),
    issuers: z.array(issuerSchema).max(100).default([]).describe('whose JWTs are taken'),
    introspection: z
      .array(introspectionSchema)
      .max(20)
      .default([])
      .describe('issuers that are asked about tokens which only they can read'),
    logins: z
      .array(loginConfigSchema)
      .max(20)
      .default([])
      .describe('identity providers where people sign in with a browser'),
    dpop: dpopSchema.prefault({}),
    certificates: z.array(certificatesSchema).max(100).default([]),
    signatures: z.array(signaturesSchema).max(100).default([]),
    upstream: statementsSchema.prefault({}),
    spiffe: z.array(spiffeSchema).max(20).default([]),
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
    const named = namedItems(config)
    const names = named.map(({ name }) => name)
    for (const [at, { name, path }] of named.entries()) {
      if (names.indexOf(name) === at) continue
      const message = `a second authenticator called ${name}`
      context.addIssue({ code: 'custom', path, message })
    }
    const issuers = config.issuers.map(({ issuer }) => issuer)
    for (const [at, issuer] of issuers.entries()) {
      if (issuers.indexOf(issuer) === at) continue
      const message = `a second ${JSON.stringify(issuer)} in issuers`
      context.addIssue({ code: 'custom', path: ['issuers', at, 'issuer'], message })
    }
  })

export type IdentityConfig = z.infer<typeof identityConfigSchema>

/** Sections whose items are authenticators, each with a name. */
const NAMED = [
  'issuers',
  'introspection',
  'logins',
  'certificates',
  'signatures',
  'spiffe',
] as const

interface Named
  extends Readonly<Record<(typeof NAMED)[number], readonly { readonly name: string }[]>> {
  readonly spiffe: readonly Pick<SpiffeConfig, 'name' | 'audiences'>[]
}

function namedItems(
  config: Named,
): readonly { readonly name: string; readonly path: (string | number)[] }[] {
  return NAMED.flatMap((section) =>
    config[section].map(({ name }, at) => ({ name, path: [section, at, 'name'] })),
  )
}

/** Every name that a route may list in `authenticators`. */
export function authenticatorNames(config: Named): readonly string[] {
  const svids = config.spiffe.filter(({ audiences }) => audiences.length > 0)
  const named = namedItems(config).map(({ name }) => name)
  return ['keys', ...named, ...svids.map(({ name }) => jwtSvidsName(name))]
}

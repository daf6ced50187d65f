import { z } from 'zod'

const plainName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a short plain name')
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')

const ruleSchema = z.strictObject({
  path: z
    .string()
    .regex(/^(\/(\*|[A-Za-z0-9._-]+))+$/, 'is not a path; * stands for one segment')
    .describe('of the SPIFFE ID'),
  groups: z.array(name).max(100).default([]),
  roles: z.array(name).max(100).default([]),
  scopes: z
    .array(z.string().regex(/^[!#-[\]-~]{1,200}$/, 'is not one scope'))
    .max(100)
    .default([]),
})

/** One item of `identity.spiffe`. */
export const spiffeSchema = z
  .strictObject({
    name: plainName.describe(
      'of the authenticator for its X.509-SVIDs; "-jwt" follows for JWT-SVIDs',
    ),
    trustDomain: z
      .string()
      .regex(/^[a-z0-9._-]{1,255}$/, 'is not the name of a trust domain')
      .describe('as in spiffe://example.org'),
    bundle: z
      .union([
        z.strictObject({ file: z.string().min(1) }),
        z.strictObject({
          url: z.url({ protocol: /^https?$/ }),
          authority: z
            .string()
            .min(1)
            .optional()
            .describe('certificate authorities of the server, PEM file'),
          allowLoopbackHttp: z.boolean().default(false),
        }),
      ])
      .describe('SPIFFE trust bundle: a key set with x509-svid and jwt-svid keys'),
    audiences: z
      .array(name)
      .max(20)
      .default([])
      .describe('of JWT-SVIDs that are for us; without any, none is taken'),
    rules: z
      .array(ruleSchema)
      .max(1000)
      .default([])
      .describe('which workloads are taken, the first that matches counts; without any, all'),
    refreshEveryMs: z.int().min(1000).max(86_400_000).default(60_000),
    staleMs: z
      .int()
      .min(1000)
      .max(604_800_000)
      .default(86_400_000)
      .describe('a bundle that cannot be read anew is believed for so long'),
  })
  .describe('workloads of a SPIFFE trust domain')

/** What routes call the authenticator of the JWT-SVIDs of a trust domain. */
export function jwtSvidsName(name: string): string {
  return `${name}-jwt`
}

export type SpiffeConfig = z.infer<typeof spiffeSchema>

import { z } from 'zod'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const domain = z
  .string()
  .toLowerCase()
  .max(253)
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'is not the name of a host (no wildcard: none can be validated by HTTP or TLS)',
  )

const retrySchema = z
  .strictObject({
    minMs: z.int().min(100).max(HOUR_MS).default(MINUTE_MS).describe('after the first failure'),
    maxMs: z
      .int()
      .min(100)
      .max(24 * HOUR_MS)
      .default(6 * HOUR_MS)
      .describe('it doubles with each failure up to this; half of it is chance'),
  })
  .refine(({ minMs, maxMs }) => minMs <= maxMs, { path: ['maxMs'], message: 'is under minMs' })

/** `tls.acme` of a listener. */
export const acmeSchema = z
  .strictObject({
    directory: z.url({ protocol: /^https$/ }).describe('of the certificate authority (RFC 8555)'),
    authority: z
      .string()
      .min(1)
      .optional()
      .describe('PEM file: who is trusted for the directory’s own TLS, beside the known ones'),
    domains: z.array(domain).min(1).max(100).describe('names of the certificate'),
    contact: z
      .array(z.string().regex(/^mailto:[^\s?,@]+@[^\s?,@]+$/, 'is not a mailto: address'))
      .max(8)
      .default([])
      .describe('whom the authority may write to'),
    termsOfServiceAgreed: z.literal(true).describe('you have read the authority’s terms'),
    externalAccount: z
      .strictObject({
        keyId: z.string().min(1).max(500),
        macKey: z
          .union([
            z.strictObject({ file: z.string().min(1) }),
            z.strictObject({ env: z.string().min(1) }),
          ])
          .describe('base64url, as the authority gave it'),
      })
      .optional()
      .describe('an account that the authority knows already (external account binding)'),
    challenges: z
      .array(z.enum(['tls-alpn-01', 'http-01']))
      .min(1)
      .max(2)
      .default(['tls-alpn-01'])
      .describe(
        'how names are proven, best first: on this listener (port 443) or on a plain one (port 80)',
      ),
    store: z
      .string()
      .min(1)
      .optional()
      .describe('directory of account keys and certificates, from the start on; else data/acme'),
    renewAfterPercent: z
      .int()
      .min(5)
      .max(90)
      .default(66)
      .describe('of its lifetime, and up to a twentieth more by chance'),
    retry: retrySchema.prefault({}),
    answerMs: z.int().min(100).max(MINUTE_MS).default(15_000).describe('one question to it'),
    orderMs: z
      .int()
      .min(1000)
      .max(HOUR_MS)
      .default(5 * MINUTE_MS)
      .describe('from the account to the certificate'),
  })
  .describe('a certificate that the gateway obtains and renews itself')

export type AcmeConfig = z.infer<typeof acmeSchema>

import { z } from 'zod'
import { parseDictionary } from './structured-fields.ts'

const plainName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'is not a short plain name')
const name = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters')

const keySchema = z.strictObject({
  id: z
    .string()
    .regex(/^[ -~]{1,200}$/, 'is not a key id')
    .describe('keyid of its signatures'),
  publicKey: z
    .string()
    .startsWith('-----BEGIN PUBLIC KEY-----')
    .describe('PEM of an Ed25519 or P-256 key'),
  principal: name.refine((id) => id !== 'anonymous', 'is the name of nobody'),
  kind: z.enum(['user', 'service']).default('service'),
  groups: z.array(name).max(100).default([]),
  roles: z.array(name).max(100).default([]),
  scopes: z
    .array(z.string().regex(/^[!#-[\]-~]{1,200}$/, 'is not one scope'))
    .max(100)
    .default([]),
  expires: z.iso.datetime({ offset: false }).optional(),
})

export type SignatureKeyConfig = z.infer<typeof keySchema>

/** One item of `identity.signatures`. */
export const signaturesSchema = z
  .strictObject({
    name: plainName,
    keys: z.array(keySchema).min(1).max(10_000),
    components: z
      .array(z.string().refine(isComponent, 'is not a component, such as "@method" or "date"'))
      .max(32)
      .default([])
      .describe('to be covered beside the method, the target and the digest of a body'),
    windowMs: z
      .int()
      .min(1000)
      .max(3_600_000)
      .default(60_000)
      .describe('how old a signature may be'),
    aheadMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(5000)
      .describe("how far a signer's clock may be ahead of ours"),
    nonce: z
      .enum(['required', 'optional'])
      .default('required')
      .describe('a nonce is taken once; without one a request can be repeated in the window'),
    noncesMax: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(200_000)
      .describe('used nonces that are remembered; beyond it signatures are refused'),
    noncesFile: z
      .string()
      .min(1)
      .optional()
      .describe('file that remembers them over a restart, for every process of this machine'),
  })
  .describe('HTTP message signatures (RFC 9421) of known keys')

export type SignaturesConfig = z.infer<typeof signaturesSchema>

/** As it stands in `Signature-Input`, without its quotes where it has no parameters. */
function isComponent(text: string): boolean {
  return parseDictionary([`a=("${text}")`]) !== undefined
}

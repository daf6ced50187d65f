import { z } from 'zod'
import { PROOF_ALGORITHMS } from './proof-key.ts'

/** The section `identity.dpop` of the configuration. */
export const dpopSchema = z
  .strictObject({
    algorithms: z
      .array(z.enum(PROOF_ALGORITHMS))
      .min(1)
      .default(['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256'])
      .describe('that proofs may be signed with'),
    windowMs: z
      .int()
      .min(1000)
      .max(300_000)
      .default(60_000)
      .describe('how far the time of a proof may be from ours, either way'),
    nonce: z
      .enum(['after-start', 'always'])
      .default('after-start')
      .describe('after-start: only while a proof could be one that was used before the start'),
    nonceMs: z
      .int()
      .min(1000)
      .max(3_600_000)
      .default(300_000)
      .describe('after this a new nonce is given out; the one before it is still taken'),
    replaysMax: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(200_000)
      .describe('used proofs that are remembered; beyond it proofs are refused'),
    replaysFile: z
      .string()
      .min(1)
      .optional()
      .describe('file that remembers them over a restart, for every process of this machine'),
  })
  .describe('proofs of possession (RFC 9449)')

export type DpopConfig = z.infer<typeof dpopSchema>

import { z } from 'zod'
import { rolesSchema } from './roles.ts'

/** Where the control plane listens. Plain HTTP is for this machine only. */
export const adminConfigSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
    port: z.int().min(0).max(65_535).default(9080).describe('0: any free port'),
    tls: z
      .strictObject({
        certificate: z.string().min(1).describe('PEM file, the chain with the leaf first'),
        key: z.string().min(1).describe('PEM file of the private key'),
      })
      .optional(),
    externalUrl: z
      .url({ protocol: /^https?$/ })
      .refine((url) => new URL(url).origin === url, 'is more than scheme, host and port')
      .optional()
      .describe('where it is reached; what proofs and signatures shown to it must name'),
    roles: rolesSchema.prefault({}).describe('who may act; nobody, unless it says so'),
  })
  .superRefine(({ host, tls }, context) => {
    if (tls !== undefined || isLoopback(host)) return
    const message = `${host} can be reached from other machines: add tls, or listen on localhost`
    context.addIssue({ code: 'custom', path: ['host'], message })
  })

export type AdminConfig = z.infer<typeof adminConfigSchema>

/** Only what cannot be anything else: a name but `localhost` may point anywhere tomorrow. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.(0|[1-9][0-9]{0,2})){3}$/.test(host)
}

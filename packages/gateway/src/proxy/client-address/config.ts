import { z } from 'zod'
import { networkSchema } from './address.ts'

/** `proxyProtocol` of a listener. */
export const proxyProtocolSchema = z
  .strictObject({
    trusted: z
      .array(networkSchema)
      .min(1)
      .describe('addresses or networks whose connections begin with a header, version 1 or 2'),
  })
  .describe('PROXY protocol, before TLS; whoever is not trusted is served without it')

/** `forwarded` of a listener. */
export const forwardedSchema = z
  .strictObject({
    header: z
      .enum(['x-forwarded-for', 'forwarded'])
      .default('x-forwarded-for')
      .describe('what the proxies write; the other one is not looked at'),
    trusted: z.array(networkSchema).min(1).optional().describe('addresses or networks of proxies'),
    hops: z.int().min(1).max(16).optional().describe('or how many proxies there always are'),
  })
  .refine(({ trusted, hops }) => (trusted === undefined) !== (hops === undefined), {
    message: 'names trusted or hops: one of them',
  })
  .describe('proxies whose word is taken for where a request came from, counted from the right')

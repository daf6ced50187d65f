// Stand-ins, each replaced by its room's own schema as it lands.
import { z } from 'zod'

export const ledgerConfigSchema = z.strictObject({
  publishEveryMs: z.int().min(10).max(60_000).default(1000),
  heartbeatEveryMs: z.int().min(100).max(3_600_000).default(60_000),
})
export const vaultConfigSchema = z.strictObject({
  kek: z
    .union([
      z.strictObject({ file: z.string().min(1) }),
      z.strictObject({ environment: z.string().min(1) }),
    ])
    .optional(),
})
export const identityConfigSchema = z.strictObject({ keysFile: z.string().min(1) })
export const policyConfigSchema = z.strictObject({ directory: z.string().min(1) })
export const limitsConfigSchema = z.strictObject({})
const tls = z.strictObject({ certificate: z.string().min(1), key: z.string().min(1) })
export const listenerSchema = z.strictObject({
  name: z.string().min(1),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65_535),
  tls: tls.optional(),
})
export const upstreamSchema = z.strictObject({ url: z.url() })
export const routeSchema = z.strictObject({
  name: z.string().min(1),
  path: z.string().startsWith('/'),
  upstream: z.string().min(1),
  record: z.literal('strict').default('strict'),
  headers: z.array(z.string()).default([]),
})

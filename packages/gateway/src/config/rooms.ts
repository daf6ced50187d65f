// Stand-ins, each replaced by its room's own schema as it lands.
import { z } from 'zod'

export const ledgerConfigSchema = z.strictObject({
  publishEveryMs: z.int().min(10).max(60_000).default(1000),
  heartbeatEveryMs: z.int().min(100).max(3_600_000).default(60_000),
})

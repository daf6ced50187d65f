import { z } from 'zod'

/** The section `identity` of the configuration. */
export const identityConfigSchema = z.strictObject({
  /** YAML file of hashed API keys; `keys create` appends to it, a running gateway re-reads it. */
  keysFile: z.string().min(1),
})

export type IdentityConfig = z.infer<typeof identityConfigSchema>

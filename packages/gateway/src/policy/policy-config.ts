import { z } from 'zod'

/** The section `policies` of the configuration. */
export const policyConfigSchema = z.strictObject({
  /** Directory whose `*.cedar` files are in force together. */
  directory: z.string().min(1),
})

export type PolicyConfig = z.infer<typeof policyConfigSchema>

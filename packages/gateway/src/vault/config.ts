import { z } from 'zod'

/** Where the key-encryption key comes from. Left out: the file `kek` beside the keys. */
export const vaultConfigSchema = z.strictObject({
  kek: z
    .union([
      z.strictObject({ file: z.string().min(1) }),
      z.strictObject({ env: z.string().min(1) }),
    ])
    .optional(),
})

export type VaultConfig = z.infer<typeof vaultConfigSchema>

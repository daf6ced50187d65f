import { z } from 'zod'

/** As routes name an authenticator. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'is not a short plain name in lower case')
  .refine((name) => name !== 'keys', 'is the name of the keys file')

/** A secret is named, never written into the configuration. */
export const secretSchema = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ env: z.string().min(1) }),
])

export const urlSchema = z.url({ protocol: /^https?$/ })

/** A claim's name, or a JSON pointer to a value inside one. */
export const claimSchema = z.string().min(1).max(200)

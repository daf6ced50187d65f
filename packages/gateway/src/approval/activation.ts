import { z } from 'zod'
import { placeSchema, whoSchema } from './person.ts'

export const activationSchema = z.strictObject({
  id: z.string().regex(/^b-[0-9a-f]{16}$/),
  principal: whoSchema,
  reason: z.string().min(1),
  forMs: z.int().min(1),
  askedUs: z.int().min(0),
  /** `asked` waits for a second person until `endsUs`; `active` lasts until then. */
  state: z.enum(['asked', 'active', 'ended']),
  endsUs: z.int().min(0),
  confirmedBy: z.union([whoSchema, z.literal('second-factor')]).optional(),
  /** When it is to be looked at by somebody else. */
  reviewByUs: z.int().min(0).optional(),
  /** Whether the ledger was told that nobody looked. */
  isOverdueTold: z.boolean(),
  /** The record of the asking, then of the alert. */
  place: placeSchema,
})

/** One breaking of the glass, from its asking until somebody else has looked at it. */
export type Activation = z.infer<typeof activationSchema>

import { z } from 'zod'
import { placeSchema, whoSchema } from './person.ts'

const grantSchema = z.strictObject({
  methods: z.array(z.string()).min(1),
  path: z.string(),
  uses: z.int().min(1),
  /** Never less than what was ever let pass. */
  used: z.int().min(0),
  by: whoSchema,
  /** The record of the grant. */
  place: placeSchema,
})

export const approvalSchema = z.strictObject({
  id: z.string().regex(/^a-[0-9a-f]{16}$/),
  template: z.string(),
  principal: whoSchema,
  /** What was asked for. */
  method: z.string(),
  path: z.string(),
  askedUs: z.int().min(0),
  /** When it ends: the asking without an answer, or the grant. */
  endsUs: z.int().min(0),
  /** The record of the asking. */
  place: placeSchema,
  grant: grantSchema.optional(),
})

/** One approval from its asking to its end; what has ended is in the ledger alone. */
export type Approval = z.infer<typeof approvalSchema>
export type Grant = z.infer<typeof grantSchema>

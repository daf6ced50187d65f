import { z } from 'zod'
import { targetSchema } from './target.ts'

/** Free text of an operator's: long enough to say why, short enough for every record. */
const REASON_LENGTH_MAX = 1000

const someone = z.union([
  z.strictObject({ issuer: z.string(), id: z.string().min(1) }),
  z.strictObject({ detection: z.string().min(1) }),
])

/** Who takes or lifts a measure: a principal, or a rule that has noticed something. */
export type Someone = z.infer<typeof someone>

export const measureSchema = z.strictObject({
  id: z.string().regex(/^c-[0-9a-f]{16}$/),
  target: targetSchema,
  reason: z.string().min(1).max(REASON_LENGTH_MAX),
  by: someone,
  fromUs: z.int().min(0),
  untilUs: z.int().min(0),
  /** Whether the ledger has it; until then the record is owed. */
  isRecorded: z.boolean(),
})

/** One thing under quarantine: why, by whom, and until when. */
export type Measure = z.infer<typeof measureSchema>

/** Measures as JSON, of another process of ours. */
export function parseMeasures(text: string): readonly Measure[] {
  return z.array(measureSchema).parse(JSON.parse(text))
}

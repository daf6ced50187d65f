import { z } from 'zod'

const MIB = 1_048_576
const BYTES = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const PERCENT = z.number().min(0).max(90)

/** The section `disk` of the configuration: room that is kept, and when to speak of its end. */
export const diskConfigSchema = z
  .strictObject({
    reserveBytes: BYTES.default(64 * MIB).describe(
      'kept for refusals and administration when the disk is full, in state/reserve; 0: none',
    ),
    warnFreeBytes: BYTES.default(1024 * MIB).describe('less free room is told as low; 0: never'),
    warnFreePercent: PERCENT.default(5).describe('the same, of the volume; 0: never'),
    refuseFreeBytes: BYTES.default(64 * MIB).describe(
      'with less free room nothing is forwarded (disk-reserve); 0: until the reserve is needed',
    ),
    refuseFreePercent: PERCENT.default(0).describe('the same, of the volume; 0: never'),
  })
  .superRefine((disk, context) => {
    for (const unit of ['Bytes', 'Percent'] as const) {
      const [warn, refuse] = [disk[`warnFree${unit}`], disk[`refuseFree${unit}`]]
      if (warn === 0 || warn >= refuse) continue
      const message = `is less than refuseFree${unit} (${refuse}): the warning would come too late`
      context.addIssue({ code: 'custom', path: [`warnFree${unit}`], message })
    }
  })

export type DiskConfig = z.infer<typeof diskConfigSchema>

/** How much free room is little, on a volume of `totalBytes`. */
export function marksOf(
  { warnFreeBytes, warnFreePercent, refuseFreeBytes, refuseFreePercent }: DiskConfig,
  totalBytes: number,
): { readonly warnBytes: number; readonly refuseBytes: number } {
  return {
    warnBytes: Math.max(warnFreeBytes, (totalBytes / 100) * warnFreePercent),
    refuseBytes: Math.max(refuseFreeBytes, (totalBytes / 100) * refuseFreePercent),
  }
}

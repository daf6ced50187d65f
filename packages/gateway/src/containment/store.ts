import { z } from 'zod'
import { type Disk, StateFile } from '../platform/index.ts'
import { ContainmentError } from './containment-error.ts'
import { type Measure, measureSchema } from './measure.ts'

/** Where measures survive a restart. One for several workers would implement the same. */
export interface ContainmentStore {
  load(): Promise<readonly Measure[]>
  /** Durable when it resolves; replaces the measure of the same id. */
  put(measure: Measure): Promise<void>
  remove(id: string): Promise<void>
}

/** 10,000 measures with long reasons. */
const STATE_BYTES_MAX = 33_554_432
const stateSchema = z.strictObject({ version: z.literal(1), measures: z.array(measureSchema) })

/** Measures in a file of their own, `data/state/containment.json`. */
export function fileStore(disk: Disk, path: string): ContainmentStore {
  const measures = new Map<string, Measure>()
  const file = new StateFile({
    disk,
    path,
    bytesMax: STATE_BYTES_MAX,
    current: () => `${JSON.stringify({ version: 1, measures: [...measures.values()] })}\n`,
  })
  return {
    load: async () => {
      const text = await file.load()
      for (const measure of text === undefined ? [] : parse(text, path)) {
        measures.set(measure.id, measure)
      }
      return [...measures.values()]
    },
    put: (measure) => {
      measures.set(measure.id, measure)
      return file.save()
    },
    remove: (id) => {
      measures.delete(id)
      return file.save()
    },
  }
}

/** What cannot be read is not forgotten: a gateway that forgot a quarantine would let it pass. */
function parse(text: string, path: string): readonly Measure[] {
  try {
    return stateSchema.parse(JSON.parse(text)).measures
  } catch (cause) {
    const message = `${path} cannot be read: restore it, or remove it to lift every quarantine`
    throw new ContainmentError('CONTAINMENT_STATE_INVALID', message, { cause })
  }
}

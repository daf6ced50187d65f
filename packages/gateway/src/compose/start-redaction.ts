import { Worker } from 'node:worker_threads'
import type { RedactionThread } from '../proxy/index.ts'
import { programFile } from './program-files.ts'

/** Of the thread's heap, in MiB: a body that needs more is not kept, and ends nobody else. */
const HEAP_MIB_MAX = 512

/** A thread for the bodies that take long to redact. */
export function startRedaction(heapMibMax: number = HEAP_MIB_MAX): RedactionThread {
  const resourceLimits = { maxOldGenerationSizeMb: heapMibMax }
  return new Worker(programFile('redaction-worker'), { resourceLimits })
}

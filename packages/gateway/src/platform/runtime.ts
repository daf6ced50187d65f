import { setFlagsFromString } from 'node:v8'

/**
 * Fits the runtime, all of its threads, to a process whose objects live for one exchange.
 *
 * What is alive at every collection because many wait for the disk, V8 soon makes in the old
 * generation; there it dies unnoticed and keeps alive all that it leads to, so that each collection
 * of the young generation copies everything.
 *
 * Little else grows old here, and V8 takes that for a heap that hardly grows: it allows 8 MB more
 * than is alive, memory outside of the heap included, and marks all of it again once a second.
 * Three times what is alive may come on top instead; it stays below the young generation.
 */
export function tuneRuntime(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--heap-growing-percent=300')
}

import { setFlagsFromString } from 'node:v8'

/**
 * Fits the runtime, all of its threads, to a process whose objects live for one exchange. What is
 * alive at every collection because many wait for the disk, V8 soon makes in the old generation;
 * there it dies unnoticed and keeps alive all that it leads to, so that each collection of the
 * young generation copies everything.
 */
export function tuneRuntime(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}

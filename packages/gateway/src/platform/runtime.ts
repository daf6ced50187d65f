import { setFlagsFromString } from 'node:v8'

/** By then V8 has collected what the start left, and given its memory back. */
const STARTED_MS = 15_000

/**
 * Fits the runtime, all of its threads, to a process whose objects live for one exchange.
 *
 * What is alive at every collection because many wait for the disk, V8 soon makes in the old
 * generation; there it dies unnoticed and keeps alive all that it leads to, so that each collection
 * of the young generation copies everything.
 */
export function tuneRuntime(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setTimeout(tuneStarted, STARTED_MS).unref()
}

/**
 * The same for one that has started.
 *
 * Little grows old then, and V8 takes that for a heap that hardly grows: it allows 8 MB more than
 * is alive, memory outside of the heap included, and marks all of it again once a second. As much
 * as is alive may come on top instead. With three times as much a gateway still grew after twenty
 * minutes of load, by nothing but garbage.
 *
 * When nobody asks for a minute, V8 collects to give memory back, and with the shapes of objects of
 * which there are none just then it gives up what it has compiled for them: nearly all of it. That
 * collection is switched off; what was taken is given back by those that growth asks for.
 */
export function tuneStarted(): void {
  setFlagsFromString('--heap-growing-percent=100')
  setFlagsFromString('--memory-reducer-gc-count=0')
}

// Which threads the CPU went to, as Linux counts it. Elsewhere nothing is told.
import { readdirSync, readFileSync } from 'node:fs'

const TASKS = '/proc/self/task'

interface Thread {
  readonly name: string
  readonly ranUs: number
}

export type Threads = ReadonlyMap<string, Thread>

export function readThreads(): Threads {
  const threads = new Map<string, Thread>()
  if (process.platform !== 'linux') return threads
  for (const id of readdirSync(TASKS)) {
    const thread = readThread(id)
    if (thread !== undefined) threads.set(id, thread)
  }
  return threads
}

/** Microseconds since `before`, by what the runtime calls its threads. */
export function ranSince(before: Threads): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const [id, { name, ranUs }] of readThreads()) {
    sums.set(name, (sums.get(name) ?? 0) + ranUs - (before.get(id)?.ranUs ?? 0))
  }
  return sums
}

/** Undefined: it has ended, or this kernel does not count. */
function readThread(id: string): Thread | undefined {
  try {
    const ranNs = Number(readFileSync(`${TASKS}/${id}/schedstat`, 'utf8').split(' ')[0])
    return { name: readFileSync(`${TASKS}/${id}/comm`, 'utf8').trim(), ranUs: ranNs / 1_000 }
  } catch {
    return undefined
  }
}

import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/**
 * How far a thread that nobody waits for stands back. Of a core that it shares with one that
 * answers, 9 leaves it 12 %. Where that is too little, who gives it work has to wait for it: the
 * ledger does, see `ledger/backlog.ts`.
 */
export const GIVES_WAY_BY = 9

const NICEST = 19

const THREAD = /^([0-9]+)\/task\/([0-9]+)$/

/**
 * From here on the calling thread gives way to the others of its process, on Linux, where threads
 * have a priority each. Elsewhere, and where it is not allowed, everything works as before, with
 * answers that are late more often where cores are few.
 */
export function giveWay(): void {
  const thread = threadId()
  if (thread === undefined) return
  try {
    setPriority(thread, Math.min(NICEST, getPriority(thread) + GIVES_WAY_BY))
  } catch {
    return // A sandbox forbids it.
  }
}

/** Undefined where there is none, or where `/proc` counts the processes of another container. */
function threadId(): number | undefined {
  try {
    const [, process_, thread] = THREAD.exec(readlinkSync('/proc/thread-self')) ?? []
    return Number(process_) === process.pid ? Number(thread) : undefined
  } catch {
    return undefined // Not Linux.
  }
}

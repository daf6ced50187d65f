import { DiskError, type DiskErrorCode } from '../disk-error.ts'

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'truncate'
  | 'close'
  | 'list'
  | 'stat'
  | 'rename'
  | 'remove'
  | 'make-directory'
  | 'sync-directory'

/** A failure as a value: which operation, the how-manieth from now, and what it leaves behind. */
export interface DiskFault {
  readonly operation: DiskOperation
  /** 1 is the next one. */
  readonly nth: number
  readonly code?: DiskErrorCode
  /** Only operations on a path that contains this count. */
  readonly path?: string
  readonly effect?: FaultEffect
}

/**
 * `none`, `part`, `all`: so much of it happens, and it reports failure. `flip`: a write reports
 * success, and one bit of it is another one.
 */
export type FaultEffect = 'none' | 'part' | 'all' | 'flip'

/** A fault that has struck: the error to throw, and how much of the operation to do before. */
export interface Struck {
  readonly error: DiskError
  readonly effect: FaultEffect
}

interface Waiting {
  readonly fault: DiskFault
  left: number
}

/** The faults that are still to come on one disk, and a count of those that struck. */
export class FaultPlan {
  readonly hits = new Map<string, number>()
  readonly #waiting: Waiting[] = []

  add(fault: DiskFault): void {
    this.#waiting.push({ fault, left: fault.nth })
  }

  /** Forgets what has not struck yet. */
  clear(): void {
    this.#waiting.length = 0
  }

  strike(operation: DiskOperation, path: string): Struck | undefined {
    for (const waiting of this.#waiting) {
      const { fault } = waiting
      if (fault.operation !== operation || !path.includes(fault.path ?? '')) continue
      if (--waiting.left > 0) continue
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
      return this.#struck(fault, path)
    }
    return undefined
  }

  count(kind: string): void {
    this.hits.set(kind, (this.hits.get(kind) ?? 0) + 1)
  }

  #struck(fault: DiskFault, path: string): Struck {
    const { operation, code = 'DISK_IO', effect = 'none' } = fault
    this.count(nameOf(operation, effect))
    return { error: new DiskError(code, path, `${operation}: simulated fault`), effect }
  }
}

function nameOf(operation: DiskOperation, effect: FaultEffect): string {
  if (effect === 'flip') return `${operation} flips a bit`
  return `${operation} fails${effect === 'none' ? '' : `, ${effect} of it done`}`
}

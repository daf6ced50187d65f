import type { KeptFields } from '../http1/index.ts'
import type { Shown } from '../identity/index.ts'
import type { HeadReading } from './accept.ts'
import type { LastPlace } from './drafts.ts'
import type { Meaning } from './http1/request-head.ts'
import type { LastCaller, LastOrigin } from './request-fields.ts'

/**
 * What was read of header fields that come again, byte for byte, with one request after the other,
 * of a connection or of several. Each reading is of the fields alone, never of who sends them or
 * when: whoever makes it leaves it for the next.
 */
export interface Standing {
  meaning: Meaning | undefined
  head: HeadReading | undefined
  shown: Shown | undefined
  /** What goes on of them to an upstream. */
  passing: KeptFields | undefined
  /** Made of whom they showed the last time, for as long as that is the same. */
  caller: LastCaller | undefined
}

export function nothingRead(): Standing {
  return {
    meaning: undefined,
    head: undefined,
    shown: undefined,
    passing: undefined,
    caller: undefined,
  }
}

/** What was made for the last request of a connection: most of its requests need the same. */
export interface LastMade {
  shown: Shown | undefined
  passing: KeptFields | undefined
  place: LastPlace | undefined
  origin: LastOrigin | undefined
}

export function nothingMade(): LastMade {
  return { shown: undefined, passing: undefined, place: undefined, origin: undefined }
}

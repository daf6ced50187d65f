import type { KeptFields } from '../http1/index.ts'
import type { Shown } from '../identity/index.ts'
import type { HeadReading } from './accept.ts'
import type { Meaning } from './http1/request-head.ts'

/**
 * What was read of header fields that come again, byte for byte, with one request after the other,
 * of a connection or of several. Each reading is of the fields alone, never of who sends them or
 * when: whoever makes it leaves it for the next.
 */
export interface Standing {
  meaning?: Meaning
  head?: HeadReading
  shown?: Shown
  /** What goes on of them to an upstream. */
  passing?: KeptFields
}

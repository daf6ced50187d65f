import type { Shown } from '../identity/index.ts'
import type { HeadReading } from './accept.ts'
import type { HeaderFields } from './header-fields.ts'
import type { Meaning } from './http1/request-head.ts'

/**
 * What was read of header fields that come again, byte for byte, with one request of a connection
 * after the other. Each reading is of the fields alone: whoever makes it leaves it for the next.
 */
export interface Standing {
  meaning?: Meaning
  head?: HeadReading
  shown?: Shown
  /** What goes on of them to an upstream. */
  passing?: HeaderFields
}

import { deserialize, serialize } from 'node:v8'
import type { Clock } from '../../platform/index.ts'
import { FrameReader, type FrameRows } from './frame-reader.ts'
import { type FrameWriter, valueFrame } from './frame-writer.ts'

/** The end of a pipe between two processes. */
export interface Pipe {
  /** False: the bytes are still to be read where they are, and their memory is left to the pipe. */
  send(bytes: Uint8Array): boolean
}

/** What is worth a message of its own, though the turn goes on. */
const MESSAGE_BYTES = 262_144

/** What a message may have at most of whom nobody trusts: many times what one row takes. */
const MESSAGE_BYTES_MAX = 16_777_216

export interface SendingParts<Row> {
  readonly pipe: Pipe
  readonly clock: Clock
  readonly writer: FrameWriter
  /** Writes the row; false: it crosses as a value. */
  readonly write: (to: FrameWriter, row: Row) => boolean
}

/** Sends rows, all of one turn of the loop in one message: a message costs more than its rows. */
export class RowSender<Row> {
  readonly #parts: SendingParts<Row>
  #isAwaited = false
  readonly #atTurnEnd = (): void => {
    this.#isAwaited = false
    this.flush()
  }

  constructor(parts: SendingParts<Row>) {
    this.#parts = parts
  }

  send(row: Row): void {
    const { writer, write, pipe, clock } = this.#parts
    if (!write(writer, row)) {
      this.flush() // rows arrive in their order
      pipe.send(valueFrame(serialize(row)))
    } else if (writer.length >= MESSAGE_BYTES) this.flush()
    else if (!this.#isAwaited) {
      this.#isAwaited = true
      clock.atTurnEnd(this.#atTurnEnd)
    }
  }

  flush(): void {
    const { writer, pipe } = this.#parts
    if (writer.isEmpty) return
    if (!pipe.send(writer.finish())) writer.leaveMemory()
  }
}

/** Reads rows that a `RowSender` sent, from bytes as they come; throws what makes no sense. */
export function rowReader<Row>(
  read: (from: FrameRows) => Row,
  hear: (row: Row) => void,
  frameBytesMax = MESSAGE_BYTES_MAX,
): FrameReader {
  const taker = {
    rows: (rows: FrameRows): void => {
      while (!rows.isOver) hear(read(rows))
    },
    // Arrays of bytes in it are views of what it is read from.
    value: (bytes: Uint8Array): void => hear(deserialize(Buffer.from(bytes)) as Row),
  }
  return new FrameReader(taker, { frameBytesMax })
}

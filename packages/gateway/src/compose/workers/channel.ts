import type { Clock } from '../../platform/index.ts'

/** The end of a pipe between two processes that takes any plain value. */
export interface Pipe {
  send(rows: readonly unknown[]): void
}

/**
 * Sends rows, all of one turn of the loop in one message: a message costs as much as twenty rows.
 */
export class RowChannel<Row> {
  readonly #pipe: Pipe
  readonly #clock: Clock
  #rows: Row[] = []

  constructor(parts: { readonly pipe: Pipe; readonly clock: Clock }) {
    this.#pipe = parts.pipe
    this.#clock = parts.clock
  }

  send(row: Row): void {
    this.#rows.push(row)
    if (this.#rows.length === 1) this.#clock.atTurnEnd(() => this.flush())
  }

  flush(): void {
    if (this.#rows.length === 0) return
    const rows = this.#rows
    this.#rows = []
    this.#pipe.send(rows)
  }
}

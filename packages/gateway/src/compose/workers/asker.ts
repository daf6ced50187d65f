import type { Answer, Asking, FromWorker } from './messages.ts'
import { type Waiter, Waiting } from './waiting.ts'

/** A worker asks the gateway, and is answered. */
export class Asker {
  readonly #waiting: Waiting<Answer>
  readonly #send: (row: FromWorker) => void

  constructor(parts: {
    readonly send: (row: FromWorker) => void
    readonly ticksMs: () => number
  }) {
    this.#waiting = new Waiting(parts.ticksMs)
    this.#send = parts.send
  }

  /** The place of a waiter, for the row that is sent next. */
  place(waiter: Waiter<Answer>): number {
    return this.#waiting.add(waiter)
  }

  send(row: FromWorker): void {
    this.#send(row)
  }

  ask(row: (place: number) => Asking): Promise<Answer> {
    return new Promise((answered) => this.#send(row(this.place({ answered }))))
  }

  answer(answer: Answer): void {
    this.#waiting.answer(answer[1], answer)
  }

  /** For how long the one waits that waits longest. */
  get oldestMs(): number {
    return this.#waiting.oldestMs
  }
}

/** One at a time: whoever takes a turn gives it back. */
export class Turns {
  #last: Promise<void> = Promise.resolve()

  /** Resolves with what gives it back. */
  async take(): Promise<() => void> {
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await before
    return resolve
  }
}

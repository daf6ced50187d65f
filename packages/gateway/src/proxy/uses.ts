/** How many exchanges still go by something that may have been superseded. */
export class Uses {
  #count = 0
  #whenUnused: (() => void) | undefined

  begin(): void {
    this.#count += 1
  }

  end(): void {
    this.#count -= 1
    this.#settle()
  }

  /** Nothing new begins from here on; calls back once, when the last use has ended. */
  retire(whenUnused: () => void): void {
    this.#whenUnused = whenUnused
    this.#settle()
  }

  #settle(): void {
    if (this.#count > 0 || this.#whenUnused === undefined) return
    const done = this.#whenUnused
    this.#whenUnused = undefined
    done()
  }
}

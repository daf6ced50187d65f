const NUMBERS = 32
/** What a list that is used again keeps: each of many shapes has lists of its own. */
const KEPT_NUMBERS_MAX = 4_096

/** Numbers that grow, in memory that is used again: an array's would be given back and grown. */
export class NumberList {
  #numbers = new Float64Array(NUMBERS)
  length = 0

  push(value: number): void {
    if (this.length === this.#numbers.length) this.#grow()
    this.#numbers[this.length++] = value
  }

  /** The numbers, and some behind them that mean nothing. */
  get memory(): Float64Array {
    return this.#numbers
  }

  reset(): void {
    this.length = 0
    if (this.#numbers.length > KEPT_NUMBERS_MAX) this.#numbers = new Float64Array(NUMBERS)
  }

  #grow(): void {
    const grown = new Float64Array(2 * this.#numbers.length)
    grown.set(this.#numbers)
    this.#numbers = grown
  }
}

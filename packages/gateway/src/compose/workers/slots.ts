/** Of what has none. */
export const NO_SLOT = -1

/**
 * What comes and goes with every exchange, by number. A flat list whose places are used again: a
 * map that gains and loses an entry for each keeps alive what it has outgrown.
 */
export class Slots<T> {
  readonly #members: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#members.length - this.#free.length
  }

  /** Returns its place. */
  add(member: T): number {
    const slot = this.#free.pop() ?? this.#members.length
    this.#members[slot] = member
    return slot
  }

  at(slot: number): T | undefined {
    return this.#members[slot]
  }

  remove(slot: number): void {
    if (this.#members[slot] === undefined) return
    this.#members[slot] = undefined
    this.#free.push(slot)
  }

  *entries(): Iterable<readonly [slot: number, member: T]> {
    for (const [slot, member] of this.#members.entries()) {
      if (member !== undefined) yield [slot, member]
    }
  }
}

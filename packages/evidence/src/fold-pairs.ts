import type { FoldFacts, GapFacts } from './act-types.ts'

/** A fold that is being counted. */
interface OpenFold {
  readonly incarnation: number
  readonly opening: FoldFacts
  count: number
}

/** Follows folds from their opening to their end, in order of index. */
export class FoldPairs {
  readonly #open = new Map<number, OpenFold>()

  open(index: number, incarnation: number, opening: FoldFacts): void {
    this.#open.set(index, { incarnation, opening, count: 0 })
  }

  /** Returns what is wrong with a tally or a close of an open fold, or undefined. */
  count(about: number, incarnation: number, facts: FoldFacts): string | undefined {
    const fold = this.#open.get(about)
    if (fold === undefined) return `record ${about} is not a fold that is still open`
    if (facts.act === 'close') this.#open.delete(about)
    const { opening } = fold
    if (fold.incarnation !== incarnation) return 'a fold of another incarnation is counted on'
    if (facts.reason !== opening.reason || facts.key !== opening.key) {
      return `record ${about} is a fold of something else`
    }
    const { count } = facts
    if (count === undefined || count < fold.count) return 'it counts less than it did before'
    fold.count = count
    return undefined
  }

  /**
   * Returns what is wrong with a gap that ends a fold, or undefined: one of a dead incarnation, or
   * one that a lost worker of this incarnation left open.
   */
  interrupt(
    about: number,
    incarnation: number,
    gap: GapFacts,
    isLost: () => boolean,
  ): string | undefined {
    const fold = this.#open.get(about)
    if (fold === undefined) return `record ${about} is not a fold that is still open`
    this.#open.delete(about)
    if (fold.incarnation === incarnation && !isLost()) {
      return 'a fold of its own incarnation is interrupted'
    }
    if (gap.unrecordedMax === fold.opening.untalliedMax) return undefined
    return `it names another bound than record ${about}`
  }

  /** Takes out the folds that had to be closed by now, and returns their indices. */
  takeDead(isDead: (incarnation: number) => boolean): readonly number[] {
    const dead = [...this.#open].filter(([, { incarnation }]) => isDead(incarnation))
    for (const [index] of dead) this.#open.delete(index)
    return dead.map(([index]) => index)
  }
}

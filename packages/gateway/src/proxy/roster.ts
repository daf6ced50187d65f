/** What can be in a roster. Its seat is the roster's to write. */
export interface Rostered {
  seat: number
}

/** The seat of what is in no roster. */
export const NO_SEAT = -1

/**
 * What is going on now, where something comes and goes with every request. Not a Set: V8 links the
 * table that a Set has outgrown to the next one, so that one such table in the old generation keeps
 * everything alive that was ever in a later one, until the next full collection.
 */
export class Roster<Member extends Rostered> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: Member): void {
    if (member.seat === NO_SEAT) member.seat = this.#members.push(member) - 1
  }

  delete(member: Member): void {
    const { seat } = member
    if (seat === NO_SEAT) return
    member.seat = NO_SEAT
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[seat] = last
    last.seat = seat
  }

  /** Those of this moment: whoever goes through them may add and delete. */
  members(): readonly Member[] {
    return this.#members.slice()
  }
}

import { mapKey } from './bytes.ts'

/** A person-sealed section that waits for its segment to close. */
export interface PendingSection {
  readonly index: number
  readonly keyId: Uint8Array
  readonly id: number
  readonly bytes: Uint8Array
}

/** The person-sealed sections of the segments that are not closed yet, in order. */
export class PendingPersons {
  #sections: PendingSection[] = []

  add(section: PendingSection): void {
    this.#sections.push(section)
  }

  /** The sections of entries before `end` by key, keys in order of first use. They stay. */
  before(end: number): readonly (readonly PendingSection[])[] {
    const closing = this.#sections.filter(({ index }) => index < end)
    return [...Map.groupBy(closing, ({ keyId }) => mapKey(keyId)).values()]
  }

  dropBefore(end: number): void {
    this.#sections = this.#sections.filter(({ index }) => index >= end)
  }
}

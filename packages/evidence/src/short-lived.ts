/** Entries that a map may hold before it is looked at whether most are gone. */
const RENEWED_AT = 1_024

/**
 * A map whose entries come and go by the thousand. A `Map` that loses entries moves on to a new
 * table again and again, and the tables it leaves keep each other alive, with all that was in
 * them; here what is gone stays as an empty place until the whole map is made anew.
 */
export class ShortLived<Key, Value extends object | number> {
  #map = new Map<Key, Value | undefined>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key)
  }

  set(key: Key, value: Value): void {
    if (this.#map.get(key) === undefined) this.#size += 1
    this.#map.set(key, value)
  }

  delete(key: Key): void {
    if (this.#map.get(key) === undefined) return
    this.#map.set(key, undefined)
    this.#size -= 1
    if (this.#map.size >= Math.max(RENEWED_AT, 4 * this.#size)) this.#map = new Map(this.entries())
  }

  /** In the order in which they came. */
  *entries(): Generator<readonly [Key, Value]> {
    for (const [key, value] of this.#map) if (value !== undefined) yield [key, value]
  }
}

/** A bounded cache in two generations: what one generation long nobody asked for is forgotten. */
export class RecentMap<Key, Value> {
  readonly #perGeneration: number
  #young = new Map<Key, Value>()
  #old = new Map<Key, Value>()

  constructor(options: { readonly entriesMax: number }) {
    this.#perGeneration = Math.max(1, Math.floor(options.entriesMax / 2))
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: Key, value: Value): void {
    this.#young.set(key, value)
    if (this.#young.size < this.#perGeneration) return
    this.#old = this.#young
    this.#young = new Map()
  }
}

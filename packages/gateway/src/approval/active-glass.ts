import type { Activation } from './activation.ts'
import { type Person, personKey } from './person.ts'

/** Activations that are in force, by whose they are: one for each person. */
export class ActiveGlass {
  readonly #activeOf = new Map<string, Activation>()

  /** As the activation is now. Says whether what is in force has changed. */
  note(activation: Activation): boolean {
    const key = personKey(activation.principal)
    if (activation.state === 'active') {
      this.#activeOf.set(key, activation)
      return true
    }
    return this.#activeOf.get(key)?.id === activation.id && this.#activeOf.delete(key)
  }

  /** What this principal acts under; undefined, for next to nothing, mostly. */
  of(principal: Pick<Person, 'issuer' | 'id'>, atUs: number): string | undefined {
    if (this.#activeOf.size === 0) return undefined
    const active = this.#activeOf.get(personKey(principal))
    return active !== undefined && atUs < active.endsUs ? active.id : undefined
  }

  list(): readonly Activation[] {
    return [...this.#activeOf.values()]
  }
}

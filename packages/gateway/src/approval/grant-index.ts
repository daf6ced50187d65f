import type { Approval, Grant } from './approval.ts'
import { matchesPath } from './path-pattern.ts'
import { type Person, personKey } from './person.ts'

/** One request, as approvals see it. */
export interface ApprovedRequest {
  readonly principal: Pick<Person, 'issuer' | 'id'>
  readonly method: string
  /** Canonical. */
  readonly path: string
}

export type Granted = Approval & { readonly grant: Grant }

const NONE: readonly never[] = []

/** Grants that have uses left, by whose they are. */
export class GrantIndex {
  readonly #grantsOf = new Map<string, Map<string, Granted>>()

  add(granted: Granted): void {
    const key = personKey(granted.principal)
    const own = this.#grantsOf.get(key) ?? new Map<string, Granted>()
    this.#grantsOf.set(key, own.set(granted.id, granted))
  }

  /** Says whether it was there. */
  remove({ id, principal }: Approval): boolean {
    const key = personKey(principal)
    const own = this.#grantsOf.get(key)
    const wasThere = own?.delete(id) === true
    if (own?.size === 0) this.#grantsOf.delete(key)
    return wasThere
  }

  /** Those that cover this request; none, for next to nothing, mostly. */
  covering({ principal, method, path }: ApprovedRequest, atUs: number): readonly Granted[] {
    if (this.#grantsOf.size === 0) return NONE
    const own = this.#grantsOf.get(personKey(principal))
    if (own === undefined) return NONE
    return [...own.values()].filter(({ grant, endsUs }) => {
      return atUs < endsUs && grant.methods.includes(method) && matchesPath(grant.path, path)
    })
  }

  list(): readonly Granted[] {
    return [...this.#grantsOf.values()].flatMap((own) => [...own.values()])
  }
}

/** The templates of these grants, each once, in the order of a record. */
export function templatesOf(grants: readonly Granted[]): readonly string[] {
  if (grants.length === 0) return NONE
  return [...new Set(grants.map(({ template }) => template))].sort()
}

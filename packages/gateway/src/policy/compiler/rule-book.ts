import type { Environment } from './environment.ts'
import { EvaluationError } from './evaluation-error.ts'
import { type CompiledPolicy, fits } from './policy.ts'

/** A policy that was compiled, under its id. */
export interface Rule extends CompiledPolicy {
  readonly id: string
  readonly effect: 'permit' | 'forbid'
}

/** Ids of the policies that apply, and of those that could not be evaluated; unsorted. */
export interface Outcome {
  readonly permits: string[]
  readonly forbids: string[]
  readonly failed: string[]
}

/** The policies that fit one action and resource, by what they say of the principal. */
interface Page {
  readonly anybody: Rule[]
  readonly byPrincipal: Map<string, Rule[]>
}

/** Pages are made when they are first needed: as many as there are routes and methods. */
const PAGES_MAX = 10_000

/** Policies, found by their scopes: those whose scope does not fit cost nothing. */
export class RuleBook {
  readonly #rules: readonly Rule[]
  readonly #pages = new Map<string, Page>()

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  /** `page` names action and resource with all that this is in: equal pages, equal rules. */
  evaluate(environment: Environment, page: string): Outcome {
    const outcome: Outcome = { permits: [], forbids: [], failed: [] }
    const { anybody, byPrincipal } = this.#page(environment, page)
    ask(anybody, environment, outcome)
    if (byPrincipal.size === 0) return outcome
    const { key } = environment.principal
    const own = byPrincipal.get(key)
    if (own !== undefined) ask(own, environment, outcome)
    for (const ancestor of environment.principalEntity?.ancestors ?? []) {
      if (ancestor === key) continue
      const rules = byPrincipal.get(ancestor)?.filter(({ principal }) => !principal.isExact)
      if (rules !== undefined) ask(rules, environment, outcome)
    }
    return outcome
  }

  #page(environment: Environment, name: string): Page {
    let page = this.#pages.get(name)
    if (page !== undefined) return page
    page = { anybody: [], byPrincipal: new Map() }
    for (const rule of this.#rules) {
      if (!fits(rule.action, 'action', environment)) continue
      if (!fits(rule.resource, 'resource', environment)) continue
      const [key] = rule.principal.within ?? []
      if (key === undefined) page.anybody.push(rule)
      else page.byPrincipal.set(key, [...(page.byPrincipal.get(key) ?? []), rule])
    }
    if (this.#pages.size >= PAGES_MAX) this.#pages.clear()
    this.#pages.set(name, page)
    return page
  }
}

/** Asks rules whose action, resource and named principal fit. */
function ask(rules: readonly Rule[], environment: Environment, outcome: Outcome): void {
  const { type } = environment.principal
  let at = 0
  while (at < rules.length) {
    try {
      for (; at < rules.length; at++) {
        const rule = rules[at] as Rule
        if (rule.principal.type !== undefined && rule.principal.type !== type) continue
        if (!rule.isMet(environment)) continue
        if (rule.effect === 'permit') outcome.permits.push(rule.id)
        else outcome.forbids.push(rule.id)
      }
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      outcome.failed.push(rules[at]?.id ?? '')
      at += 1
    }
  }
}

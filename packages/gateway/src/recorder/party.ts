import type { Who } from '@countersign/evidence'
import type { SealKey, Vault } from '../vault/index.ts'

/**
 * A subject whose requests come again and again, and what their records have in common: it is
 * looked up once for each record, and not in one map for the text and in others for the key.
 */
export class Party {
  readonly issuer: string
  readonly id: string
  readonly #credential: Who['credential']
  readonly #facts: Who['facts']
  /** The JSON of `who` up to the salt. */
  #upToSalt: string | undefined
  #vault: Vault | undefined
  #key: SealKey | undefined

  constructor({ principal: { issuer = '', id }, credential, facts }: Who) {
    this.issuer = issuer
    this.id = id
    this.#credential = credential
    this.#facts = facts
  }

  /** Whether `who` is the same but for its salt. */
  fits({ credential, facts }: Who): boolean {
    return this.#credential === credential && this.#facts === facts
  }

  /** What is before the salt in the text of `who`, which `make` makes the first time. */
  upToSalt(make: () => string): string {
    this.#upToSalt ??= make()
    return this.#upToSalt
  }

  /** As `Vault.subjectKey`. */
  keyAt(vault: Vault, atUs: number): SealKey {
    const key = this.#key
    if (key !== undefined && this.#vault === vault && key.fromUs <= atUs && atUs < key.toUs) {
      return key
    }
    this.#vault = vault
    this.#key = vault.subjectKey(this, atUs)
    return this.#key
  }
}

const parties = new WeakMap<Who['principal'], Party>()

/**
 * The party of a `who` whose principal is frozen: whoever freezes it says that it stays as it is,
 * and what stands beside it with it.
 */
export function partyOf(who: Who): Party | undefined {
  const { principal } = who
  const known = parties.get(principal)
  if (known?.fits(who)) return known
  if (!Object.isFrozen(principal)) return undefined
  const party = new Party(who)
  parties.set(principal, party)
  return party
}

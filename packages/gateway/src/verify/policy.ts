import { type Checkpoint, formatCheckpoint, type Note, type Sha256 } from '@countersign/tlog'
import { nameOf, type TrustedKey, trustedKey } from './key-set.ts'
import type { Findings } from './report.ts'
import { VerifyError } from './verify-error.ts'

/** Whom the caller trusts: the log's keys, and how many of which witnesses must have cosigned. */
export interface Policy {
  readonly log: readonly TrustedKey[]
  readonly witnesses: readonly TrustedKey[]
  /** Whether these witnesses are enough. */
  readonly isQuorum: (cosigners: ReadonlySet<TrustedKey>) => boolean
  readonly quorum: string
}

type Rule = Policy['isQuorum']

/** No policy that a person wrote is longer. */
export const POLICY_BYTES_MAX = 1_000_000

/**
 * Reads a tlog-policy: `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME any|all|N NAME…`,
 * `quorum NAME|none`; comments begin with `#`. Throws VERIFY_USAGE with the line.
 *
 * @see C2SP tlog-policy
 */
export function parsePolicy(sha256: Sha256, text: string): Policy {
  const reader = new PolicyReader(sha256)
  for (const [at, line] of text.split('\n').entries()) {
    const words = line
      .replace(/#.*$/, '')
      .split(/\s+/)
      .filter((word) => word !== '')
    try {
      reader.line(words)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new VerifyError('VERIFY_USAGE', `policy line ${at + 1}: ${why}`, { cause })
    }
  }
  return reader.policy()
}

class PolicyReader {
  readonly #sha256: Sha256
  readonly #log: TrustedKey[] = []
  readonly #witnesses: TrustedKey[] = []
  readonly #rules = new Map<string, Rule>()
  readonly #grouped = new Set<string>()
  #quorum: { readonly name: string; readonly rule: Rule } | undefined

  constructor(sha256: Sha256) {
    this.#sha256 = sha256
  }

  line([keyword, ...words]: readonly string[]): void {
    if (keyword === undefined) return
    if (keyword === 'log') this.#addLog(words)
    else if (keyword === 'witness') this.#addWitness(words)
    else if (keyword === 'group') this.#addGroup(words)
    else if (keyword === 'quorum') this.#setQuorum(words)
    else throw new Error(`unknown word ${keyword}`)
  }

  policy(): Policy {
    const quorum = this.#quorum
    if (this.#log.length === 0 || quorum === undefined) {
      const missing = quorum === undefined ? 'quorum' : 'log'
      throw new VerifyError('VERIFY_USAGE', `policy has no line ${missing}`)
    }
    const [log, witnesses] = [this.#log, this.#witnesses]
    return { log, witnesses, isQuorum: quorum.rule, quorum: quorum.name }
  }

  #addLog([vkey, _url, ...rest]: readonly string[]): void {
    if (vkey === undefined || rest.length > 0) throw new Error('expected log VKEY [URL]')
    this.#log.push(trustedKey(this.#sha256, vkey))
  }

  #addWitness([name, vkey, _url, ...rest]: readonly string[]): void {
    if (name === undefined || vkey === undefined || rest.length > 0) {
      throw new Error('expected witness NAME VKEY [URL]')
    }
    const key = trustedKey(this.#sha256, vkey)
    if (key.verifier.type === 1) throw new Error('a witness has a key of type 4 or 6')
    if (this.#witnesses.some((each) => each.vkey === vkey)) throw new Error('key is there twice')
    this.#witnesses.push(key)
    this.#define(name, (cosigners) => cosigners.has(key))
  }

  #addGroup([name, count, ...members]: readonly string[]): void {
    if (name === undefined || count === undefined || members.length === 0) {
      throw new Error('expected group NAME any|all|N NAME…')
    }
    const rules = members.map((member) => this.#member(member))
    const needed = neededOf(count, rules.length)
    this.#define(name, (cosigners) => rules.filter((rule) => rule(cosigners)).length >= needed)
  }

  #setQuorum([name, ...rest]: readonly string[]): void {
    if (name === undefined || rest.length > 0) throw new Error('expected quorum NAME|none')
    if (this.#quorum !== undefined) throw new Error('quorum is there twice')
    const rule = name === 'none' ? (): boolean => true : this.#rules.get(name)
    if (rule === undefined) throw new Error(`${name} is not defined`)
    this.#quorum = { name, rule }
  }

  #define(name: string, rule: Rule): void {
    if (name === 'none' || this.#rules.has(name)) throw new Error(`${name} cannot be defined again`)
    this.#rules.set(name, rule)
  }

  /** A name counts in one group only, or one witness could count twice. */
  #member(name: string): Rule {
    const rule = this.#rules.get(name)
    if (rule === undefined) throw new Error(`${name} is not defined`)
    if (this.#grouped.has(name)) throw new Error(`${name} is in a group already`)
    this.#grouped.add(name)
    return rule
  }
}

function neededOf(count: string, members: number): number {
  if (count === 'any') return 1
  if (count === 'all') return members
  const needed = /^[1-9][0-9]{0,3}$/.test(count) ? Number(count) : Number.NaN
  if (needed <= members) return needed
  throw new Error(`${count} of ${members} cannot be asked for`)
}

/** Every cosignature by a witness of the policy must be good, and enough of them must be there. */
export function auditQuorum(
  note: Note,
  checkpoint: Checkpoint,
  policy: Policy,
  { file, to }: { readonly file: string; readonly to: Findings },
): void {
  const text = new TextEncoder().encode(formatCheckpoint(checkpoint))
  const cosigners = new Set<TrustedKey>()
  for (const key of policy.witnesses) {
    const { name, keyId } = key.verifier
    const lines = note.signatures.filter((line) => line.name === name && line.keyId === keyId)
    const good = lines.filter(({ signature }) => key.verifier.verify(text, signature))
    if (good.length > 0) cosigners.add(key)
    if (good.length === lines.length) continue
    to.add('signature', `has a cosignature of ${nameOf(key)} that does not verify`, { file })
  }
  if (policy.isQuorum(cosigners)) return
  const why = `has ${cosigners.size} good cosignatures, not the quorum ${policy.quorum}`
  to.add('signature', why, { file })
}

import type { PolicyFacts, When } from '@countersign/evidence'
import type { DecidedRecord, PolicySet } from '../policy/index.ts'
import { type ReadRecordsOptions, readRecords } from '../verify/index.ts'
import { policyRoom } from './policy-room.ts'

/** A request on record, and what the policies saw of it. */
export interface Decided {
  readonly index: number
  /** Undefined where a section is closed, because its key is gone. */
  readonly record: DecidedRecord | undefined
  readonly at: string
}

const DECIDED_KINDS = new Set(['intent', 'refusal'] as const)

/** The requests of a ledger about which policies were asked, in order. */
export async function* decidedRecords(options: ReadRecordsOptions): AsyncGenerator<Decided> {
  for await (const read of readRecords({ ...options, kinds: DECIDED_KINDS })) {
    const decided = decidedOf(read)
    if (decided !== undefined) yield decided
  }
}

/** Undefined for a request that ended before a policy was asked. */
export function decidedOf(read: {
  readonly index: number
  readonly sections: object
}): Decided | undefined {
  const { index } = read
  const sections: Partial<DecidedRecord> & { readonly when?: When } = read.sections
  const { when, who, where, what, why } = sections
  if (why?.requestSha256 === undefined) return undefined
  const at = when?.at ?? ''
  if (who === undefined || where === undefined || what === undefined) {
    return { index, at, record: undefined }
  }
  return { index, at, record: { who, where, what, why } }
}

/** Why a set cannot be made from its records. */
export interface MissingSet {
  readonly missing: string
}

/** The policy sets that a ledger holds, each made when it is first asked for. */
export class RecordedSets {
  readonly #parts: ReadonlyMap<string, readonly PolicyFacts[]>
  readonly #sets = new Map<string, PolicySet | MissingSet>()

  private constructor(parts: ReadonlyMap<string, readonly PolicyFacts[]>) {
    this.#parts = parts
  }

  static async read(options: ReadRecordsOptions): Promise<RecordedSets> {
    const parts = new Map<string, PolicyFacts[]>()
    const all = { ...options, kinds: new Set(['policy'] as const), from: 0 }
    for await (const { sections } of readRecords(all)) {
      const facts = sections.what as PolicyFacts | undefined
      if (facts?.act !== 'loaded' || facts.files === undefined) continue
      const known = parts.get(facts.sha256)
      // A set that is loaded again begins again: what was there may have been cut short.
      if (known === undefined || (facts.part ?? 1) === 1) parts.set(facts.sha256, [facts])
      else known.push(facts)
    }
    return new RecordedSets(parts)
  }

  async find(digest: string): Promise<PolicySet | MissingSet> {
    let set = this.#sets.get(digest)
    if (set === undefined) {
      set = await this.#make(digest)
      this.#sets.set(digest, set)
    }
    return set
  }

  async #make(digest: string): Promise<PolicySet | MissingSet> {
    const { PolicySet, POLICY_SCHEMA, readRecordedSet } = await policyRoom()
    const parts = this.#parts.get(digest) ?? []
    if (parts.length === 0 || parts.length < (parts[0]?.parts ?? 1)) {
      return { missing: `the ledger does not hold the policy set ${digest} whole` }
    }
    const { files, schema } = readRecordedSet(parts.flatMap((part) => part.files ?? []))
    if (schema !== POLICY_SCHEMA) {
      return { missing: `policy set ${digest} was written for the schema of another version` }
    }
    return PolicySet.compile(files)
  }
}

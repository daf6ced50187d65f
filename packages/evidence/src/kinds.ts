import type { SectionName } from './sections.ts'

/** What the table says about one kind of record. */
export interface KindRule {
  /** The number of the kind in binary payloads; given once, never reused. */
  readonly code: number
  /** The family of block files that holds it. Traffic may expire; what explains it may not. */
  readonly blocks: 'records' | 'acts'
  readonly required: readonly SectionName[]
  readonly allowed: readonly SectionName[]
}

const ACT = { blocks: 'acts', required: ['when', 'what'], allowed: ['who'] } as const
const SILENT_ACT = { blocks: 'acts', required: ['when', 'what'], allowed: [] } as const

/** Every kind of record, and the sections that it must and may have. */
export const KINDS = {
  intent: {
    code: 1,
    blocks: 'records',
    required: ['when', 'who', 'where', 'what', 'why'],
    allowed: ['actor', 'seal'],
  },
  outcome: { code: 2, blocks: 'records', required: ['when', 'how'], allowed: ['via', 'seal'] },
  refusal: {
    code: 3,
    blocks: 'records',
    required: ['when', 'where', 'why', 'how'],
    allowed: ['who', 'actor', 'what', 'seal'],
  },
  progress: { code: 4, blocks: 'records', required: ['when', 'how'], allowed: ['seal'] },
  delivery: { code: 5, blocks: 'records', required: ['when', 'how'], allowed: ['seal'] },
  fold: { code: 6, blocks: 'records', required: ['when', 'what'], allowed: [] },
  gap: { code: 7, ...SILENT_ACT },
  config: { code: 8, ...ACT },
  policy: { code: 9, ...ACT },
  approval: { code: 10, ...ACT },
  admin: { code: 11, ...ACT },
  key: { code: 12, ...ACT },
  system: { code: 13, ...SILENT_ACT },
  block: { code: 14, ...SILENT_ACT },
  epoch: { code: 15, ...ACT },
  alert: { code: 16, ...ACT },
  erasure: { code: 17, ...ACT },
  retention: { code: 18, ...ACT },
  hold: { code: 19, ...ACT },
  window: { code: 21, blocks: 'records', required: ['when', 'what'], allowed: [] },
  certificate: { code: 20, ...SILENT_ACT },
} as const satisfies { readonly [kind: string]: KindRule }

/** The name of a kind of record. */
export type Kind = keyof typeof KINDS

/** Kinds that tell of one exchange. */
export type ExchangeKind = 'intent' | 'outcome' | 'refusal' | 'progress' | 'delivery'

/** Kinds whose `what` holds the facts of an act, with a schema of its own. */
export type ActKind = Exclude<Kind, ExchangeKind>

const NAMES = Object.keys(KINDS) as Kind[]
const BY_CODE = new Map<number, Kind>(NAMES.map((kind) => [KINDS[kind].code, kind]))

/** Says whether `name` is a kind that this version knows. */
export function isKind(name: string): name is Kind {
  return Object.hasOwn(KINDS, name)
}

/** Returns the kind with this code, or undefined where a later version may know more. */
export function kindOfCode(code: number): Kind | undefined {
  return BY_CODE.get(code)
}

/** Says whether records of this kind tell of one exchange, and so carry its id. */
export function isExchangeKind(kind: Kind): kind is ExchangeKind {
  return KINDS[kind].code <= KINDS.delivery.code
}

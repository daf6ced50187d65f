/** What a finding is about; the file or index says which one. */
export type FindingKind =
  | 'checkpoint'
  | 'signature'
  | 'key'
  | 'entry'
  | 'tile'
  | 'file'
  | 'block'
  | 'body'
  | 'record'
  | 'rule'
  | 'proof'
  | 'rollback'
  | 'fork'

/** One thing that is wrong, or was not looked at. Paths are relative to what was audited. */
export interface Finding {
  readonly kind: FindingKind
  readonly index: number | null
  readonly file: string | null
  readonly why: string
}

/** What was looked at in full. */
export interface Scope {
  readonly log: boolean
  readonly records: boolean
  readonly persons: boolean
}

export const SCOPES = ['log', 'records', 'persons'] as const
export type ScopeName = (typeof SCOPES)[number]

/** The outcome of an audit; `--json` prints it as it is. */
export interface Report {
  readonly ok: boolean
  /** 0 holds, 1 tampered, 2 not decidable with what the caller supplied. */
  readonly exit: 0 | 1 | 2
  readonly epoch: number | null
  readonly origin: string | null
  readonly size: number | null
  /** 64 hexadecimal digits. */
  readonly root: string | null
  readonly scope: Scope
  /** What the verdict rests on, in words: `key given`. */
  readonly anchor: string
  /** Worst first: bad[0] is what to look at. */
  readonly bad: readonly Finding[]
  readonly notChecked: readonly Finding[]
}

/** A damaged disk must not fill the memory with findings. */
export const FINDINGS_MAX = 1_000

/** Collects what an audit finds. Every audit step gets one and only ever adds to it. */
export class Findings {
  readonly #kept: Kept
  readonly #folder: string

  constructor(kept: Kept = { bad: [], notChecked: [], dropped: 0, undecided: false }, folder = '') {
    this.#kept = kept
    this.#folder = folder
  }

  /** The same collection, for a step that names its files relative to a folder. */
  below(folder: string): Findings {
    return new Findings(this.#kept, `${this.#folder}${folder}/`)
  }

  get bad(): readonly Finding[] {
    const { bad, dropped } = this.#kept
    return dropped === 0 ? bad : [...bad, { ...NOWHERE, kind: 'file', why: `${dropped} more` }]
  }

  get notChecked(): readonly Finding[] {
    return this.#kept.notChecked
  }

  /** True: the caller did not supply something that a verdict needs. */
  get undecided(): boolean {
    return this.#kept.undecided
  }

  /** Says that something is wrong: whatever else is found, the verdict is "tampered". */
  add(kind: FindingKind, why: string, where: Partial<Where> = {}): void {
    if (this.#kept.bad.length < FINDINGS_MAX) this.#kept.bad.push(this.#finding(kind, why, where))
    else this.#kept.dropped += 1
  }

  /** Says that something was left out, though nothing was missing to look at it. */
  skip(kind: FindingKind, why: string, where: Partial<Where> = {}): void {
    const { notChecked } = this.#kept
    if (notChecked.length < FINDINGS_MAX) notChecked.push(this.#finding(kind, why, where))
  }

  /** Says that only the caller could have helped: the verdict is at best "undecidable". */
  lack(kind: FindingKind, why: string, where: Partial<Where> = {}): void {
    this.#kept.undecided = true
    this.skip(kind, why, where)
  }

  #finding(kind: FindingKind, why: string, { index = null, file = null }: Partial<Where>): Finding {
    return { kind, index, file: file === null ? null : `${this.#folder}${file}`, why }
  }
}

interface Kept {
  readonly bad: Finding[]
  readonly notChecked: Finding[]
  dropped: number
  undecided: boolean
}

interface Where {
  readonly index: number | null
  readonly file: string | null
}

const NOWHERE: Where = { index: null, file: null }

/** The verdict: what is tampered outweighs what could not be decided. */
export function exitOf(findings: Findings): 0 | 1 | 2 {
  if (findings.bad.length > 0) return 1
  return findings.undecided ? 2 : 0
}

/** The report's first line: `ok: 44 entries, root 9f2c…, trust: key given`. */
export function headline(report: Report): string {
  const first = report.bad[0]
  if (first !== undefined) return `FAILED: ${sentence(first)}`
  if (report.exit === 2) return `UNDECIDED: ${sentence(report.notChecked[0])}`
  const root = report.root === null ? '' : `, root ${report.root.slice(0, 4)}…`
  const count = `${report.size} ${report.size === 1 ? 'entry' : 'entries'}`
  return `ok: ${count}${root}, trust: ${report.anchor}`
}

/** A finding as one line that names its place once. */
export function sentence(finding: Finding | undefined): string {
  if (finding === undefined) return 'nothing could be looked at'
  if (finding.index !== null) return `${finding.kind} ${finding.index} ${finding.why}`
  return finding.file === null ? finding.why : `${finding.file} ${finding.why}`
}

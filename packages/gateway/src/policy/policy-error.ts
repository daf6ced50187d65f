/** POLICY_INVALID: the files do not parse, or do not fit the schema. POLICY_ENGINE: our own bug. */
export type PolicyErrorCode = 'POLICY_INVALID' | 'POLICY_ENGINE'

/** One thing to repair in one policy file. */
export interface PolicyProblem {
  readonly file: string
  /** 1 for the first line, and for the first character of it; undefined where none is to blame. */
  readonly line: number | undefined
  readonly column: number | undefined
  readonly message: string
  readonly hint: string | undefined
}

/** Everything that is wrong with a set of policies, so that it is repaired in one go. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly code: PolicyErrorCode
  readonly problems: readonly PolicyProblem[]

  constructor(code: PolicyErrorCode, problems: readonly PolicyProblem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.code = code
    this.problems = problems
  }
}

function formatProblem({ file, line, column, message, hint }: PolicyProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`
  return hint === undefined ? `${place}: ${message}` : `${place}: ${message} (${hint})`
}

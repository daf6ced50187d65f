/** CONFIG_SYNTAX: not the YAML we read. CONFIG_INVALID: read, and it says what it may not. */
export type ConfigErrorCode = 'CONFIG_SYNTAX' | 'CONFIG_INVALID'

/** One thing to repair. */
export interface ConfigProblem {
  /** As in `listeners[0].port`; empty for the file as a whole. */
  readonly path: string
  /** 1 for the first line; undefined where no line is to blame. */
  readonly line: number | undefined
  readonly message: string
}

/** As many as one record holds, and more than anybody reads: the last one counts the rest. */
export const PROBLEMS_MAX = 100

/** What is wrong with one file, so that it is repaired in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: ConfigErrorCode
  readonly problems: readonly ConfigProblem[]

  /** `total` where not all that were found are given. */
  constructor(
    code: ConfigErrorCode,
    file: string,
    found: readonly ConfigProblem[],
    total = found.length,
  ) {
    const problems = firstProblems(found, total, (message) => {
      return { path: '', line: undefined, message }
    })
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'))
    this.code = code
    this.problems = problems
  }
}

/** At most `PROBLEMS_MAX` of `total`; where that leaves some out, `rest` makes the last of them. */
export function firstProblems<P>(
  found: readonly P[],
  total: number,
  rest: (message: string) => P,
): readonly P[] {
  if (total <= PROBLEMS_MAX) return found
  const shown = found.slice(0, PROBLEMS_MAX - 1)
  return [...shown, rest(`${total - shown.length} more problems: mend these first`)]
}

function formatProblem(file: string, { path, line, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`
}

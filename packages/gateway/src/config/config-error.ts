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

/** Everything that is wrong with one file, so that it is repaired in one go. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: ConfigErrorCode
  readonly problems: readonly ConfigProblem[]

  constructor(code: ConfigErrorCode, file: string, problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(file, problem)).join('\n'))
    this.code = code
    this.problems = problems
  }
}

function formatProblem(file: string, { path, line, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}`
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`
}

import type { LoadProblem } from '../admin/index.ts'
import { firstProblems } from '../config/index.ts'

export type ChangeKind = 'config' | 'policy'

/** Why a configuration, or the policies that it names, cannot come into force. */
export class UnusableError extends Error {
  override readonly name = 'UnusableError'
  readonly kind: ChangeKind
  /** Digest of what was read, as far as it could be. */
  readonly sha256: string
  readonly problems: readonly LoadProblem[]

  constructor(kind: ChangeKind, sha256: string, found: readonly LoadProblem[]) {
    const file = found[0]?.file ?? ''
    const problems = firstProblems(found, found.length, (message) => ({ file, message }))
    super(problems.map(formatProblem).join('\n'))
    this.kind = kind
    this.sha256 = sha256
    this.problems = problems
  }
}

/** `file:line:column: path: message (hint)`, as far as it is known. */
export function formatProblem({ file, line, column, path, message, hint }: LoadProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const said = path === undefined || path === '' ? message : `${path}: ${message}`
  return hint === undefined ? `${place}: ${said}` : `${place}: ${said} (${hint})`
}

import { validate } from '@cedar-policy/cedar-wasm/nodejs'
import { tooDeep } from './nesting.ts'
import { PolicyError, type PolicyProblem } from './policy-error.ts'
import {
  type NamedPolicy,
  type PolicyFile,
  problemOf,
  splitFile,
  wholeFile,
} from './policy-files.ts'
import { POLICY_SCHEMA } from './schema.ts'

/** What one file says, and what is wrong with it by itself. */
interface CheckedFile {
  readonly policies: readonly NamedPolicy[]
  readonly problems: readonly PolicyProblem[]
}

/**
 * The files of the set that was read last, by name and text. A change of one file costs the time
 * of that file: a set is read while requests wait.
 */
let remembered: ReadonlyMap<string, CheckedFile> = new Map()

/** The policies of all files; throws PolicyError with everything that is wrong with any. */
export function readValidPolicies(files: readonly PolicyFile[]): readonly NamedPolicy[] {
  const checked = new Map<string, CheckedFile>()
  for (const file of files) {
    const key = `${file.name}\0${file.text}`
    checked.set(key, remembered.get(key) ?? checkFile(file))
  }
  remembered = checked
  const all = [...checked.values()]
  const policies = all.flatMap((each) => each.policies)
  const problems = [...sameIds(policies), ...all.flatMap((each) => each.problems)]
  if (problems.length > 0) throw new PolicyError('POLICY_INVALID', problems)
  return policies.toSorted((left, right) => (left.id < right.id ? -1 : 1))
}

function checkFile(file: PolicyFile): CheckedFile {
  const deep = tooDeep(file)
  if (deep !== undefined) return { policies: [], problems: [deep] }
  const splitting = splitFile(file)
  if ('problems' in splitting) return { policies: [], problems: splitting.problems }
  return { policies: splitting.policies, problems: misfits(file) }
}

function sameIds(policies: readonly NamedPolicy[]): readonly PolicyProblem[] {
  const seen = new Map<string, NamedPolicy>()
  return policies.flatMap((policy) => {
    const other = seen.get(policy.id)
    seen.set(policy.id, policy)
    if (other === undefined) return []
    return [wholeFile(policy.file, `@id("${policy.id}") is also in ${other.file.name}`)]
  })
}

/** Validates a file by itself, so that positions are those of the file. */
function misfits(file: PolicyFile): readonly PolicyProblem[] {
  const answer = validate({ schema: POLICY_SCHEMA, policies: { staticPolicies: file.text } })
  if (answer.type === 'failure') return answer.errors.map((error) => problemOf(file, error))
  // A policy that can never apply is a mistake that looks like protection.
  const errors = [...answer.validationErrors, ...answer.validationWarnings]
  return oncePerPlace(errors.map(({ error }) => problemOf(file, error)))
}

/** What is wrong for each type of principal is said once. */
function oncePerPlace(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const byPlace = new Map<string, PolicyProblem>()
  for (const problem of problems) {
    const message = problem.message.replaceAll(/`(User|Service|Anonymous)`/g, '')
    const key = [problem.line, problem.column, message].join()
    if (!byPlace.has(key)) byPlace.set(key, problem)
  }
  return [...byPlace.values()]
}

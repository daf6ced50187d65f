import {
  type DetailedError,
  type PolicyJson,
  policySetTextToParts,
  policyToJson,
} from '@cedar-policy/cedar-wasm/nodejs'
import type { PolicyProblem } from './policy-error.ts'

/** A policy file as it was read; `name` is what errors and default ids call it. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** One static policy of one file. */
export interface NamedPolicy {
  readonly id: string
  readonly file: PolicyFile
  readonly ordinal: number
  readonly text: string
  readonly json: PolicyJson
  /** Of a permit that counts only while somebody's approval is in force: its template. */
  readonly approval: string | undefined
}

export type Splitting =
  | { readonly policies: readonly NamedPolicy[] }
  | { readonly problems: readonly PolicyProblem[] }

/** The policies of one file, each under its `@id`, else under the file's name and its ordinal. */
export function splitFile(file: PolicyFile): Splitting {
  const parts = policySetTextToParts(file.text)
  if (parts.type === 'failure') return { problems: parts.errors.map((e) => problemOf(file, e)) }
  if (parts.policy_templates.length > 0) {
    return { problems: [wholeFile(file, 'templates are not supported: write a policy for each')] }
  }
  const order = engineOrder(parts.policies.length)
  const policies: NamedPolicy[] = []
  const problems: PolicyProblem[] = []
  for (const [position, text] of parts.policies.entries()) {
    const parsed = policyToJson(text)
    if (parsed.type === 'failure') {
      problems.push(...parsed.errors.map((error) => problemOf(file, error)))
      continue
    }
    const { json } = parsed
    const ordinal = order[position] ?? position
    const id = json.annotations?.id || `${file.name}#${ordinal + 1}`
    const approval = json.annotations?.approval
    policies.push({ id, file, ordinal, text, json, approval })
    if (isMisplaced(json)) problems.push(wholeFile(file, `${id}: ${APPROVAL_RULE}`))
  }
  if (problems.length > 0) return { problems }
  return { policies: policies.toSorted((left, right) => left.ordinal - right.ordinal) }
}

const APPROVAL_RULE = '@approval stands on a permit and names a template: @approval("template")'

function isMisplaced({ effect, annotations = {} }: PolicyJson): boolean {
  return Object.hasOwn(annotations, 'approval') && (!annotations.approval || effect !== 'permit')
}

/** What is wrong, where in the file; the engine counts in UTF-8 bytes, an editor does not. */
export function problemOf(file: PolicyFile, error: DetailedError): PolicyProblem {
  const at = error.sourceLocations?.[0]
  const hint = error.help ?? at?.label ?? undefined
  const place = at === undefined ? undefined : placeOf(firstBytes(file.text, at.start))
  return {
    file: file.name,
    line: place?.line,
    column: place?.column,
    message: error.message.replace(/^for policy `[^`]*`, /, ''),
    hint,
  }
}

export function wholeFile(file: PolicyFile, message: string): PolicyProblem {
  return { file: file.name, line: undefined, column: undefined, message, hint: undefined }
}

/** The engine returns `policy0`, `policy1`, `policy10`, `policy2`: sorted as text. */
function engineOrder(count: number): readonly number[] {
  const names = Array.from({ length: count }, (_, ordinal) => `policy${ordinal}`)
  return names.toSorted().map((name) => Number(name.slice('policy'.length)))
}

function firstBytes(text: string, count: number): string {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, count))
}

/** Where a file goes on after this much of it. */
export function placeOf(before: string): { line: number; column: number } {
  const lines = before.split('\n')
  return { line: lines.length, column: Array.from(lines.at(-1) ?? '').length + 1 }
}

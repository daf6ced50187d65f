import {
  type DetailedError,
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
  const policies = parts.policies.map((text, position) => {
    const ordinal = order[position] ?? position
    return { id: idOf(file, text, ordinal), file, ordinal, text }
  })
  return { policies: policies.toSorted((left, right) => left.ordinal - right.ordinal) }
}

/** What is wrong, where in the file; the engine counts in UTF-8 bytes, an editor does not. */
export function problemOf(file: PolicyFile, error: DetailedError): PolicyProblem {
  const at = error.sourceLocations?.[0]
  const hint = error.help ?? at?.label ?? undefined
  const place = at === undefined ? undefined : placeOf(file.text, at.start)
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

function idOf(file: PolicyFile, text: string, ordinal: number): string {
  const parsed = policyToJson(text)
  const named = parsed.type === 'success' ? parsed.json.annotations?.id : undefined
  return named ? named : `${file.name}#${ordinal + 1}`
}

function placeOf(text: string, byteOffset: number): { line: number; column: number } {
  const before = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, byteOffset))
  const lines = before.split('\n')
  return { line: lines.length, column: Array.from(lines.at(-1) ?? '').length + 1 }
}

import type { z } from 'zod'
import { type ConfigProblem, PROBLEMS_MAX } from './config-error.ts'
import { didYouMean } from './did-you-mean.ts'
import type { PathStep, YamlFile } from './parse-yaml.ts'

type Issue = z.core.$ZodIssue
type JsonSchema = z.core.JSONSchema.BaseSchema

interface Found {
  readonly issue: Issue
  readonly path: readonly PathStep[]
  readonly line: number | undefined
  /** Of a key that is unknown; the path of the issue is without it. */
  readonly key?: string | undefined
}

/** Turns what the schema found into what a person repairs: path, line, and a guess. */
export function problemsOf(
  issues: readonly Issue[],
  yaml: YamlFile,
  schema: JsonSchema,
): { readonly problems: readonly ConfigProblem[]; readonly total: number } {
  const found = issues
    .flatMap((issue) => nearest(issue, []))
    .flatMap((issue): readonly Found[] => {
      const path = issue.path.map(pathStep)
      if (issue.code !== 'unrecognized_keys') return [{ issue, path, line: yaml.lineOf(path) }]
      return issue.keys.map((key) => ({ issue, path, line: yaml.lineOf([...path, key]), key }))
    })
    .toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0))
  // A guess is dear: only what is shown gets one.
  const shown = found.slice(0, PROBLEMS_MAX)
  return { problems: shown.map((each) => problem(each, schema)), total: found.length }
}

/** `listeners[0].port`; a key that is no plain word is quoted. */
export function formatPath(path: readonly PathStep[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(step)) return `${text}[${JSON.stringify(step)}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}

function problem({ issue, path, line, key }: Found, schema: JsonSchema): ConfigProblem {
  if (key !== undefined) {
    const message = unknownKey(key, keysAt([schema], path))
    return { path: formatPath([...path, key]), line, message }
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1)
  return { path: formatPath(path), line, message }
}

function unknownKey(key: string, known: readonly string[]): string {
  const guess = didYouMean(key, known)
  const hint = guess === undefined ? `known: ${known.join(', ')}` : `did you mean ${guess}?`
  return `unknown key (${hint})`
}

/** Of alternatives, the complaints about the one that came nearest. */
function nearest(issue: Issue, parents: readonly PropertyKey[]): readonly Issue[] {
  const path = [...parents, ...issue.path]
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ ...issue, path }]
  const [best = []] = issue.errors.toSorted((one, other) => one.length - other.length)
  return best.flatMap((inner) => nearest(inner, path))
}

function pathStep(step: PropertyKey): PathStep {
  return typeof step === 'number' ? step : String(step)
}

/** The keys that the schema knows at `path`, read from its JSON Schema: all alternatives' keys. */
function keysAt(schemas: readonly JsonSchema[], path: readonly PathStep[]): readonly string[] {
  const open = schemas.flatMap(alternatives)
  const [step, ...rest] = path
  if (step === undefined)
    return [...new Set(open.flatMap((one) => Object.keys(one.properties ?? {})))]
  const below = open.flatMap((one) => {
    const found = typeof step === 'number' ? one.items : one.properties?.[step]
    return asSchemas(found ?? one.additionalProperties)
  })
  return below.length === 0 ? [] : keysAt(below, rest)
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const branches = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  return [schema, ...branches.flatMap(asSchemas).flatMap(alternatives)]
}

function asSchemas(value: unknown): readonly JsonSchema[] {
  return typeof value === 'object' && value !== null ? [value as JsonSchema] : []
}

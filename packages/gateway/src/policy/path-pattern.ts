import type { Named } from './question.ts'

/** A segment of a pattern that stands for any one segment: `{id}`. */
const PARAMETER = /^\{([A-Za-z][A-Za-z0-9_-]{0,63})\}$/

/** The name of the parameter that a segment of a pattern is; undefined for one that is itself. */
export function parameterName(segment: string): string | undefined {
  return PARAMETER.exec(segment)?.[1]
}

/**
 * What stands in a path where a route's pattern has parameters: `id` is `7` for `/orders/7/lines`
 * and `/orders/{id}`. Values are as in the canonical path: what is escaped there stays so.
 */
export function readParameters(pattern: string, path: string): Named<string> {
  if (!pattern.includes('{')) return NONE
  const segments = path.split('/')
  const parameters: [string, string][] = []
  for (const [at, expected] of pattern.split('/').entries()) {
    const name = parameterName(expected)
    const value = segments[at]
    if (name !== undefined && value !== undefined) parameters.push([name, value])
  }
  return Object.fromEntries(parameters)
}

const NONE: Named<string> = {}

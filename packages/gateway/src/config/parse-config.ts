import type { z } from 'zod'
import { ConfigError } from './config-error.ts'
import { configJsonSchema } from './json-schema.ts'
import { parseYaml } from './parse-yaml.ts'
import { problemsOf } from './problems.ts'
import { resolvePaths } from './resolve-paths.ts'
import { type Config, configSchema } from './schema.ts'

/**
 * Reads one configuration file, whole and strictly. Every problem is reported, with path and line;
 * relative paths mean relative to the file, so that it says the same wherever it is started from.
 */
export function parseConfig(file: string, bytes: Uint8Array): Config {
  const yaml = parseYaml(file, bytes)
  const parsed = configSchema.safeParse(yaml.value, { error: missing })
  if (parsed.success) return resolvePaths(file, parsed.data)
  const problems = problemsOf(parsed.error.issues, yaml, configJsonSchema())
  throw new ConfigError('CONFIG_INVALID', file, problems)
}

function missing(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input !== undefined || issue.code !== 'invalid_type') return undefined
  return `is missing (expected: ${issue.expected})`
}

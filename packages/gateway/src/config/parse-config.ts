import { z } from 'zod'
import { ConfigError } from './config-error.ts'
import { parseYaml } from './parse-yaml.ts'
import { problemsOf } from './problems.ts'
import { resolvePaths } from './resolve-paths.ts'
import { type Config, configSchema } from './schema.ts'

/**
 * Reads one configuration file, whole and strictly. Every problem is reported, with path and line;
 * relative paths mean relative to the file, so that it says the same wherever it is started from.
 */
export function parseConfig(file: string, bytes: Uint8Array): Config {
  return resolvePaths(file, parseYamlAs(configSchema, file, bytes))
}

/** Reads one YAML file of any schema; what is wrong is said as for the configuration. */
export function parseYamlAs<S extends z.ZodType>(
  schema: S,
  file: string,
  bytes: Uint8Array,
): z.output<S> {
  const yaml = parseYaml(file, bytes)
  const parsed = schema.safeParse(yaml.value, { error: missing })
  if (parsed.success) return parsed.data
  const known = z.toJSONSchema(schema, { io: 'input' })
  const { problems, total } = problemsOf(parsed.error.issues, yaml, known)
  throw new ConfigError('CONFIG_INVALID', file, problems, total)
}

function missing(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === null && (issue.path ?? []).length === 0) return 'the file is empty'
  if (issue.input !== undefined || issue.code !== 'invalid_type') return undefined
  return `is missing (expected: ${issue.expected})`
}

export {
  ConfigError,
  type ConfigErrorCode,
  type ConfigProblem,
  firstProblems,
} from './config-error.ts'
export { configJsonSchema } from './json-schema.ts'
export { parseConfig, parseYamlAs } from './parse-config.ts'
export { CONFIG_BYTES_MAX } from './parse-yaml.ts'
export type { Config } from './schema.ts'

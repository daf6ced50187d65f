export { DEFAULT_LIMITS, LIMITS, type Limits, limitsConfigSchema } from './limits-config.ts'

export { Metrics, type MetricsParts } from './metrics.ts'
export { telemetryConfigSchema } from './telemetry-config.ts'
export type { Traces } from './traces.ts'

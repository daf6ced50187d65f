export { Metrics, type MetricsParts } from './metrics.ts'
export { telemetryConfigSchema } from './telemetry-config.ts'
export type { TracedExchange, Traces } from './traces.ts'

export { Counts } from './counts.ts'
export {
  type Counting,
  type CountsFacts,
  Metrics,
  type MetricsParts,
  type WorkerFacts,
} from './metrics.ts'
export { telemetryConfigSchema } from './telemetry-config.ts'
export type { TracedExchange, Traces } from './traces.ts'

import type { Logger } from 'pino'
import { VERSION } from '../cli/index.ts'
import type { Config } from '../config/index.ts'
import { Metrics, type MetricsParts, type Traces } from '../telemetry/index.ts'
import type { Machine } from './machine.ts'
import { readSecret } from './read-secret.ts'

/** How long spans that wait may still be sent when the process stops. */
const CLOSE_MS_MAX = 2000

/** What goes out about requests, beside what is on record. */
export interface OpenTelemetry {
  readonly telemetry: Metrics
  /** What Prometheus reads. */
  readonly metrics: Metrics['render']
  /** Undefined where the configuration names no collector. */
  readonly tracing: Traces | undefined
  close(): Promise<void>
}

/** Loads what speaks to a collector only where there is one: it is much code. */
export async function openTelemetry(
  { telemetry: { traces: config }, gateway }: Config,
  machine: Machine,
  parts: Omit<MetricsParts, 'version'> & {
    readonly log: Logger
    readonly onFlush: (listener: (ms: number) => void) => void
  },
): Promise<OpenTelemetry> {
  const telemetry = new Metrics({ ...parts, version: VERSION })
  parts.onFlush((ms) => telemetry.flushed(ms))
  const metrics = (): ReturnType<Metrics['render']> => telemetry.render()
  const spans = await openTracing({ telemetry: { traces: config }, gateway }, machine, parts.log)
  return { telemetry, metrics, ...spans }
}

/** Where spans go. */
export async function openTracing(
  { telemetry: { traces: config }, gateway }: Pick<Config, 'telemetry' | 'gateway'>,
  machine: Machine,
  log: Logger,
): Promise<Pick<OpenTelemetry, 'tracing' | 'close'>> {
  if (config === undefined) return { tracing: undefined, close: async () => undefined }
  const { Traces } = await import('../telemetry/traces.ts')
  const { authorization: place } = config
  const authorization =
    place === undefined ? undefined : new TextDecoder().decode(await readSecret(place, machine))
  const bytes = (count: number): Uint8Array => machine.random.bytes(count)
  const tracing = new Traces({ config, authorization, gateway, version: VERSION, bytes })
  const close = async (): Promise<void> => {
    const closed = tracing.close().catch((cause: unknown) => log.warn({ err: cause }, 'traces'))
    // A collector that never ends its answers must not keep a gateway from ending.
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = machine.clock.after(CLOSE_MS_MAX, resolve)
    await Promise.race([closed, promise])
    timer.cancel()
  }
  return { tracing, close }
}

import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type IdGenerator, TracerProvider } from '@opentelemetry/sdk-trace'
import type { TelemetryConfig } from './telemetry-config.ts'

/** One exchange that was sampled, when it is over. Nobody is named, and no path or query is. */
export interface TracedExchange {
  /** `traceparent` as the caller sent it; undefined where the trace begins here. */
  readonly received: string | undefined
  /** `traceparent` as it went on: its span is the one that speaks to the upstream. */
  readonly sent: string
  readonly id: string
  readonly method: string | undefined
  readonly route: string | undefined
  readonly status: number | undefined
  /** What was recorded of it: the log entry of the intent. */
  readonly recorded: { readonly epoch: number; readonly index: number } | undefined
  readonly startUs: number
  readonly endUs: number
  readonly upstream:
    | {
        readonly name: string
        readonly status: number | undefined
        readonly startUs: number
        readonly endUs: number
      }
    | undefined
}

export type TracesConfig = NonNullable<TelemetryConfig['traces']>

/** For one batch, attempts and all: a stop waits no longer for a collector that is gone. */
const EXPORT_TIMEOUT_MS = 2000

/** Gives out the numbers that an exchange has already, where it has. */
class GivenIds implements IdGenerator {
  traceId = ''
  spanId: string | undefined
  readonly #bytes: (count: number) => Uint8Array

  constructor(bytes: (count: number) => Uint8Array) {
    this.#bytes = bytes
  }

  generateTraceId(): string {
    return this.traceId
  }

  generateSpanId(): string {
    const given = this.spanId
    this.spanId = undefined
    return given ?? Buffer.from(this.#bytes(8)).toString('hex')
  }
}

/**
 * Sends spans to a collector by OTLP/HTTP: one for each exchange that was sampled, and below it
 * one for what it asked of the upstream. Spans are made when the exchange is over; a collector
 * that is slow or gone costs spans and never a request.
 */
export class Traces {
  readonly #ids: GivenIds
  readonly #provider: TracerProvider
  readonly #tracer: Tracer
  readonly #config: TracesConfig
  readonly #bytes: (count: number) => Uint8Array

  constructor(parts: {
    readonly config: TracesConfig
    readonly authorization: string | undefined
    readonly gateway: string
    readonly version: string
    readonly bytes: (count: number) => Uint8Array
  }) {
    const { config, authorization, version } = parts
    this.#config = config
    this.#bytes = parts.bytes
    this.#ids = new GivenIds(parts.bytes)
    const exporter = new OTLPTraceExporter({
      url: config.endpoint,
      headers: authorization === undefined ? {} : { authorization },
      timeoutMillis: EXPORT_TIMEOUT_MS,
    })
    const { spansWaitingMax } = config
    const processor = new BatchSpanProcessor({
      exporter,
      maxQueueSize: spansWaitingMax,
      exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      maxExportBatchSize: Math.min(512, spansWaitingMax),
    })
    this.#provider = new TracerProvider({
      idGenerator: this.#ids,
      spanProcessors: [processor],
      resource: resourceFromAttributes({
        'service.name': 'countersign',
        'service.instance.id': parts.gateway,
        'service.version': version,
      }),
    })
    this.#tracer = this.#provider.getTracer('countersign', version)
  }

  /** Whether a trace that begins here is sampled. */
  samplesNew(): boolean {
    const [high = 0, low = 0] = this.#bytes(2)
    return (high * 256 + low) / 65_536 < this.#config.newTraceRatio
  }

  ended(exchange: TracedExchange): void {
    if (exchange.received !== undefined && !this.#config.followCallers) return
    const [, traceId = '', clientSpan = ''] = exchange.sent.split('-')
    this.#ids.traceId = traceId
    const span = this.#tracer.startSpan(
      exchange.route === undefined ? 'request' : `${exchange.method} ${exchange.route}`,
      {
        kind: SpanKind.SERVER,
        startTime: timeOf(exchange.startUs),
        attributes: serverAttributes(exchange),
      },
      parentOf(exchange.received),
    )
    if ((exchange.status ?? 500) >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    const { upstream } = exchange
    if (upstream !== undefined) {
      this.#ids.spanId = clientSpan
      const client = this.#tracer.startSpan(
        exchange.method ?? 'request',
        {
          kind: SpanKind.CLIENT,
          startTime: timeOf(upstream.startUs),
          attributes: { 'countersign.upstream': upstream.name, ...statusOf(upstream.status) },
        },
        trace.setSpan(ROOT_CONTEXT, span),
      )
      if (upstream.status === undefined) client.setStatus({ code: SpanStatusCode.ERROR })
      client.end(timeOf(upstream.endUs))
    }
    span.end(timeOf(exchange.endUs))
  }

  /** Sends what waits. Whoever calls says how long that may take: it is up to the collector. */
  async close(): Promise<void> {
    await this.#provider.shutdown()
  }
}

function parentOf(received: string | undefined): Context {
  const [, traceId, spanId] = received?.split('-') ?? []
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT
  const parent = { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
  return trace.setSpanContext(ROOT_CONTEXT, parent)
}

function serverAttributes({ id, method, route, status, recorded }: TracedExchange): Attributes {
  return {
    'countersign.request_id': id,
    ...(method === undefined ? {} : { 'http.request.method': method }),
    ...(route === undefined ? {} : { 'http.route': route }),
    ...statusOf(status),
    ...(recorded === undefined
      ? {}
      : { 'countersign.epoch': recorded.epoch, 'countersign.index': recorded.index }),
  }
}

function statusOf(status: number | undefined): Attributes {
  return status === undefined ? {} : { 'http.response.status_code': status }
}

function timeOf(us: number): [seconds: number, nanoseconds: number] {
  return [Math.floor(us / 1_000_000), (us % 1_000_000) * 1000]
}

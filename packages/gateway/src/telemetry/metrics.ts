import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type DurationRow, Durations } from './durations.ts'
import { statusLabel } from './status-label.ts'

/** Seconds; a request that is answered from here is below the first, a slow upstream above. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** One request that is over. Everything in it is a label: names of the configuration, no more. */
export interface RequestEnd {
  readonly route: string | undefined
  readonly method: string | undefined
  /** Of the answer; undefined where there was nobody to answer. */
  readonly status: number | undefined
  readonly durationMs: number
}

/** One exchange with an upstream that is over. */
export interface UpstreamEnd {
  readonly upstream: string
  /** Of its response; undefined where it gave none. */
  readonly status: number | undefined
  readonly durationMs: number
}

/** What the ledger stands at, asked when somebody looks. */
export interface LedgerFacts {
  readonly state: string
  readonly publishedSize: number
  /** Entries that are durable and in no checkpoint yet. */
  readonly lagEntries: number
  /** How long the oldest entry waits at each step; nothing is told of them without. */
  readonly lag?: {
    readonly unacknowledgedMs: number
    readonly unintegratedMs: number
    readonly unpublishedMs: number
  }
}

/** The room on the volume of the ledger. */
export interface VolumeFacts {
  readonly level: string
  readonly freeBytes: number
  readonly totalBytes: number
  readonly reserveBytes: number
}

/** One process of those that serve. */
export interface WorkerFacts {
  readonly worker: number
  readonly isServing: boolean
  readonly requests: number
  /** How many of its lives have ended unasked. */
  readonly lost: number
}

export interface MetricsParts {
  readonly version: string
  readonly ledger: () => LedgerFacts
  /** Undefined where no volume is watched. */
  readonly volume?: () => VolumeFacts
  readonly overdueReviews: () => number
  /** Where several processes serve. */
  readonly workers?: () => readonly WorkerFacts[]
  /** When each listener's certificate ends, in milliseconds since 1970. */
  readonly certificates?: () => readonly { readonly listener: string; readonly endsMs: number }[]
}

/** Seconds; a disk that flushes at once is below the first, one that is ill above the last. */
const FLUSH_BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2]

/** What a process of ours has counted since it told last. */
export interface CountsFacts {
  readonly accepted: number
  readonly ended: number
  readonly intents: number
  readonly own: number
  readonly outcomes: readonly (readonly [ended: string, number])[]
  readonly refusals: readonly (readonly [reason: string, recorded: string, number])[]
  readonly requests: readonly DurationRow[]
  readonly upstreams: readonly DurationRow[]
}

const KINDS = ['open', 'opening', 'full', 'dead', 'closed', 'refused', 'starting', 'stopping']

/** What is told of requests and certificates as they come. */
export type Counting = Pick<
  Metrics,
  | 'accepted'
  | 'intended'
  | 'concluded'
  | 'refused'
  | 'answeredOwn'
  | 'ended'
  | 'upstreamEnded'
  | 'certificateOrdered'
>

/** How long requests took, from the head of each to the end of its answer. */
export function requestDurations(): Durations {
  return new Durations({
    name: 'http_server_request_duration_seconds',
    help: 'from the head of a request to the end of its answer',
    bounds: DURATION_BUCKETS,
    labels: (route, method, status) =>
      `http_route="${route}",http_request_method="${method}",http_response_status_code="${statusLabel(status)}"`,
  })
}

/** How long upstreams took. */
export function upstreamDurations(): Durations {
  return new Durations({
    name: 'http_client_request_duration_seconds',
    help: 'from the first byte to an upstream to the last one from it',
    bounds: DURATION_BUCKETS,
    labels: (upstream, _, status) =>
      `upstream="${upstream}",http_response_status_code="${statusLabel(status)}"`,
  })
}

/**
 * What Prometheus reads. Names are OpenTelemetry's where it has one, in Prometheus' spelling.
 * What every request tells is kept as numbers, which are told on when somebody looks; nothing is
 * labelled by what a caller chooses.
 */
export class Metrics {
  readonly #registry = new Registry()
  #accepted = 0
  #ended = 0
  #intents = 0
  readonly #outcomes = new Map<string, number>()
  readonly #requests = requestDurations()
  readonly #upstreams = upstreamDurations()
  readonly #refusals: Counter<'reason' | 'recorded'>
  readonly #own: Counter
  readonly #flushes: Histogram
  readonly #orders: Counter<'listener' | 'result'>

  constructor(parts: MetricsParts) {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#addCounts(registers)
    this.#refusals = new Counter({
      name: 'countersign_refusals_total',
      help: 'requests refused, by reason, and whether each has a record, is folded, or has none',
      labelNames: ['reason', 'recorded'],
      registers,
    })
    this.#own = new Counter({
      name: 'countersign_own_answers_total',
      help:
        'requests for receipts, proofs, key sets, sign-in pages and what proves a name to its ' +
        'certificate authority, which have no record',
      registers,
    })
    this.#orders = new Counter({
      name: 'countersign_certificate_orders_total',
      help: 'certificates that an authority was asked for (ACME), by what came of it',
      labelNames: ['listener', 'result'],
      registers,
    })
    this.#flushes = new Histogram({
      name: 'countersign_ledger_flush_seconds',
      help: 'writing and flushing one batch of records, which every request in it waits for',
      buckets: FLUSH_BUCKETS,
      registers,
    })
    addStanding(parts, registers)
    addCertificates(parts, registers)
    addWorkers(parts, registers)
  }

  /** A request, or what came where one should have been. */
  accepted(): void {
    this.#accepted += 1
  }

  ended({ route = '', method = '_OTHER', status, durationMs }: RequestEnd): void {
    this.#ended += 1
    this.#requests.observe(route, method, status ?? 0, durationMs / 1000)
  }

  upstreamEnded({ upstream, status = 0, durationMs }: UpstreamEnd): void {
    this.#upstreams.observe(upstream, '', status, durationMs / 1000)
  }

  /** Its intent is on record. */
  intended(): void {
    this.#intents += 1
  }

  /** Its outcome is on record, by what ended it; or `unrecorded`: it could not be written. */
  concluded(ended: string): void {
    this.#outcomes.set(ended, (this.#outcomes.get(ended) ?? 0) + 1)
  }

  /** It goes no further; what is folded is counted in a record that others share. */
  refused(reason: string, recorded: 'whole' | 'folded' | 'no'): void {
    this.#refusals.inc({ reason, recorded })
  }

  /** It asked for something of the gateway itself, which has no record. */
  answeredOwn(): void {
    this.#own.inc()
  }

  /** A certificate authority was asked for a certificate. */
  certificateOrdered(listener: string, result: 'obtained' | 'renewed' | 'failed'): void {
    this.#orders.inc({ listener, result })
  }

  /** What another process of ours has counted. */
  add({ accepted, ended, intents, own, outcomes, refusals, ...rows }: CountsFacts): void {
    this.#accepted += accepted
    this.#ended += ended
    this.#intents += intents
    this.#own.inc(own)
    for (const [how, count] of outcomes) {
      this.#outcomes.set(how, (this.#outcomes.get(how) ?? 0) + count)
    }
    for (const [reason, recorded, count] of refusals)
      this.#refusals.inc({ reason, recorded }, count)
    this.#requests.add(rows.requests)
    this.#upstreams.add(rows.upstreams)
  }

  /** A batch of records is on the disk. */
  flushed(ms: number): void {
    this.#flushes.observe(ms / 1000)
  }

  /** Prometheus' text format. */
  async render(): Promise<{ readonly contentType: string; readonly text: string }> {
    const text = await this.#registry.metrics()
    const { contentType } = this.#registry
    return { contentType, text: `${text}\n${this.#requests.text()}\n${this.#upstreams.text()}` }
  }

  /** What every request adds to. */
  #addCounts(registers: Registry[]): void {
    addCount(registers, {
      name: 'countersign_requests_accepted_total',
      help: 'requests, and what came instead of one: equals intents, refusals and own answers',
      count: () => this.#accepted,
    })
    const active = (): number => this.#accepted - this.#ended
    new Gauge({
      name: 'http_server_active_requests',
      help: 'requests that are being served',
      registers,
      collect() {
        this.set(active())
      },
    })
    addCount(registers, {
      name: 'countersign_intents_total',
      help: 'intents on record; on relaxed routes, promised to be',
      count: () => this.#intents,
    })
    const outcomes = this.#outcomes
    new Counter({
      name: 'countersign_outcomes_total',
      help: 'outcomes on record, by what ended them; `unrecorded` is one that could not be written',
      labelNames: ['ended'],
      registers,
      collect() {
        this.reset()
        for (const [ended, count] of outcomes) this.inc({ ended }, count)
      },
    })
  }
}

/** A number that is kept elsewhere, told when somebody looks. */
function addCount(
  registers: Registry[],
  {
    count,
    ...about
  }: { readonly name: string; readonly help: string; readonly count: () => number },
): void {
  new Counter({
    ...about,
    registers,
    collect() {
      this.reset()
      this.inc(count())
    },
  })
}

/** What is so now, rather than what has happened. */
function addStanding(
  { version, ledger, volume, overdueReviews }: MetricsParts,
  registers: Registry[],
): void {
  new Gauge({
    name: 'countersign_build_info',
    help: 'always 1',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  new Gauge({
    name: 'countersign_ledger_state',
    help: '1 for the state that the ledger is in: requests are served in `open` alone',
    labelNames: ['state'],
    registers,
    collect() {
      const { state } = ledger()
      for (const kind of new Set([...KINDS, state]))
        this.set({ state: kind }, kind === state ? 1 : 0)
    },
  })
  new Gauge({
    name: 'countersign_ledger_published_entries',
    help: 'entries that the newest checkpoint covers',
    registers,
    collect() {
      this.set(ledger().publishedSize)
    },
  })
  new Gauge({
    name: 'countersign_ledger_lag_entries',
    help: 'entries that are durable and in no checkpoint yet',
    registers,
    collect() {
      this.set(ledger().lagEntries)
    },
  })
  new Gauge({
    name: 'countersign_ledger_oldest_seconds',
    help: 'how long the oldest entry waits to be durable, integrated, in a checkpoint',
    labelNames: ['waits_for'],
    registers,
    collect() {
      const { lag } = ledger()
      if (lag === undefined) return
      this.set({ waits_for: 'flush' }, lag.unacknowledgedMs / 1000)
      this.set({ waits_for: 'integration' }, lag.unintegratedMs / 1000)
      this.set({ waits_for: 'checkpoint' }, lag.unpublishedMs / 1000)
    },
  })
  if (volume !== undefined) addVolume(volume, registers)
  new Gauge({
    name: 'countersign_break_glass_reviews_overdue',
    help: 'activations that nobody has reviewed in time',
    registers,
    collect() {
      this.set(overdueReviews())
    },
  })
}

const LEVELS = ['ample', 'low', 'scarce']

function addVolume(volume: () => VolumeFacts, registers: Registry[]): void {
  new Gauge({
    name: 'countersign_disk_level',
    help: '1 for how much room there is: in `scarce` nothing is forwarded',
    labelNames: ['level'],
    registers,
    collect() {
      for (const level of LEVELS) this.set({ level }, level === volume().level ? 1 : 0)
    },
  })
  for (const [name, help, read] of [
    ['free', 'room that is left on the volume of the ledger', () => volume().freeBytes],
    ['size', 'all of that volume', () => volume().totalBytes],
    ['reserve', 'what is left of the reserve', () => volume().reserveBytes],
  ] as const) {
    new Gauge({
      name: `countersign_disk_${name}_bytes`,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
}

function addCertificates({ certificates }: MetricsParts, registers: Registry[]): void {
  new Gauge({
    name: 'countersign_certificate_expiry_timestamp_seconds',
    help: 'when the certificate of a listener ends; a listener without one is missing',
    labelNames: ['listener'],
    registers,
    collect() {
      this.reset()
      for (const { listener, endsMs } of certificates?.() ?? []) {
        this.set({ listener }, endsMs / 1000)
      }
    },
  })
}

function addWorkers({ workers = () => [] }: MetricsParts, registers: Registry[]): void {
  new Gauge({
    name: 'countersign_workers_serving',
    help: 'processes that serve requests beside the one of the ledger; 0 where that serves itself',
    registers,
    collect() {
      this.set(workers().filter(({ isServing }) => isServing).length)
    },
  })
  addCount(registers, {
    name: 'countersign_workers_lost_total',
    help: 'workers that ended unasked; each is started again, and what it left open is on record',
    count: () => workers().reduce((sum, { lost }) => sum + lost, 0),
  })
  new Counter({
    name: 'countersign_worker_requests_total',
    help: 'requests by the worker that accepted them',
    labelNames: ['worker'],
    registers,
    collect() {
      this.reset()
      for (const { worker, requests } of workers()) this.inc({ worker }, requests)
    },
  })
}

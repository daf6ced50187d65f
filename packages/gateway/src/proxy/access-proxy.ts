import type { Containment } from '../containment/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { UpstreamView } from '../upstream/index.ts'
import { type Approving, type GlassBreaking, NO_APPROVALS, NO_GLASS } from './approve.ts'
import { CaptureMemory } from './capture/capture-memory.ts'
import { type RedactionThread, Redactor } from './capture/redactor.ts'
import {
  type Challenges,
  NO_CHALLENGES,
  type OwnHandler,
  type ProxyContext,
  type ProxyEvent,
} from './context.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { Generations } from './generations.ts'
import { type InForce, makeInForce, type ProxySettings } from './in-force.ts'
import {
  type ListenerSettings,
  Listeners,
  type ListeningAt,
  type ReadyChange,
} from './listeners.ts'
import { LiveExchanges } from './live-exchanges.ts'
import { Load, NO_PRESSURES, type Pressures } from './load.ts'
import { RandomHex } from './random-hex.ts'
import type { ExchangeRecorder, WindowBounds } from './recording.ts'
import { Refusals } from './refusals.ts'
import { NO_TELEMETRY, type Telemetry, type Tracing } from './telemetry.ts'
import type { Certificate } from './tls-options.ts'

/** One configuration, whole. */
export interface DataPlaneSettings extends ProxySettings {
  readonly listeners: readonly ListenerSettings[]
}

export interface AccessProxyOptions extends DataPlaneSettings {
  readonly clock: Clock
  readonly random: Random
  readonly recorder: ExchangeRecorder
  readonly containment: Containment
  /** Without them nothing can be approved, and no glass is broken. */
  readonly approvals?: Approving
  readonly breakGlass?: GlassBreaking
  readonly answerOwn: OwnHandler
  /** For bodies that take long to redact. */
  readonly startRedaction: () => RedactionThread
  /** Without them no name is validated here. */
  readonly challenges?: Challenges
  readonly report?: (event: ProxyEvent) => void
  readonly telemetry?: Telemetry
  readonly tracing?: Tracing | undefined
  /** Without it there is always room. */
  readonly isSpaceScarce?: () => boolean
  /** Without them only the loop tells whether there is too much to do. */
  readonly pressures?: Pressures
}

/** The data plane: its listeners, and the connections to the upstreams. */
export class AccessProxy {
  readonly #listeners: Listeners
  readonly #context: ProxyContext
  readonly #generations: Generations
  readonly #stop: () => void

  private constructor(parts: {
    readonly listeners: Listeners
    readonly context: ProxyContext
    readonly generations: Generations
    readonly stop: () => void
  }) {
    this.#listeners = parts.listeners
    this.#context = parts.context
    this.#generations = parts.generations
    this.#stop = parts.stop
  }

  /** Listens on every address, or throws ProxyError and on none. */
  static async open(options: AccessProxyOptions): Promise<AccessProxy> {
    let isStopping = false
    const { report = () => undefined } = options
    const first = makeInForce(options, upstreamParts(options))
    const generations = new Generations(first, (cause) => {
      report({ event: 'internal-error', cause })
    })
    const inForce = (): InForce => generations.current
    const context = makeContext(options, inForce, () => isStopping)
    const listeners = new Listeners(context)
    const listening = await listeners.ready(options.listeners)
    options.recorder.windows.use(windowBounds(options))
    listening.apply()
    const stop = (): void => {
      isStopping = true
    }
    return new AccessProxy({ listeners, context, generations, stop })
  }

  /** The upstreams in force: their states and counts. */
  get upstreams(): readonly UpstreamView[] {
    const { upstreams } = this.#generations.current
    return [...upstreams.values()].map(({ client }) => client.view())
  }

  get addresses(): readonly ListeningAt[] {
    return this.#listeners.addresses
  }

  /** From the next handshake on; throws what OpenSSL has against it, and then nothing changes. */
  replaceCertificate(listener: string, certificate: Certificate): void {
    this.#listeners.named(listener)?.replaceCertificate(certificate)
  }

  /**
   * Makes another configuration ready. Throws, and nothing has changed, where something of it
   * cannot be. Exchanges that have begun end as they began; those to come go by it whole.
   */
  async ready(settings: DataPlaneSettings): Promise<ReadyChange> {
    const next = makeInForce(settings, upstreamParts(this.#context), this.#generations.current)
    let listening: ReadyChange
    try {
      listening = await this.#listeners.ready(settings.listeners)
    } catch (cause) {
      await this.#generations.abandon(next)
      throw cause
    }
    return {
      apply: (whenFormerIsUnused = () => undefined) => {
        this.#generations.replace(next, whenFormerIsUnused)
        this.#context.recorder.windows.use(windowBounds(settings))
        this.#context.live.askAgain(next, this.#context)
        listening.apply()
      },
      abandon: async () => {
        await listening.abandon()
        await this.#generations.abandon(next)
      },
    }
  }

  /**
   * Lets what is going on end, within `stopMs`, then cuts it. When this resolves every exchange
   * has its outcome, or the ledger could not be written. The recorder is closed after it.
   */
  async close(): Promise<void> {
    this.#stop()
    const { clock, inForce, refusals, redactor } = this.#context
    const deadline = clock.after(inForce().limits.stopMs, () => this.#listeners.cutAll())
    await this.#listeners.lastCall()
    await this.#listeners.drain()
    deadline.cancel()
    await refusals.close()
    await redactor.close()
    await this.#generations.close()
  }
}

/** What a crash may take, where some route lets it. */
export function windowBounds({
  routes,
  limits,
}: Pick<ProxySettings, 'routes' | 'limits'>): WindowBounds | undefined {
  if (!routes.some(({ record }) => record === 'relaxed')) return undefined
  return { recordsMax: limits.relaxedRecordsMax, windowMs: limits.relaxedWindowMs }
}

function upstreamParts({ clock, report }: Pick<AccessProxyOptions, 'clock' | 'report'>) {
  return {
    clock,
    report: (cause: unknown) => report?.({ event: 'upstream-failed', cause }),
  }
}

function makeContext(
  options: AccessProxyOptions,
  inForce: () => InForce,
  isStopping: () => boolean,
): ProxyContext {
  const { clock, random, recorder, containment, answerOwn, report = () => undefined } = options
  const { isSpaceScarce = () => false } = options
  const limits = (): InForce['limits'] => inForce().limits
  const refusals = new Refusals({ clock, recorder, limits, isSpaceScarce, report })
  const { approvals = NO_APPROVALS, breakGlass = NO_GLASS, telemetry = NO_TELEMETRY } = options
  const { challenges = NO_CHALLENGES } = options
  const live = new LiveExchanges(containment)
  const load = new Load({ clock, limits, pressures: options.pressures ?? NO_PRESSURES })
  const own = { answerOwn, challenges, captures: new CaptureMemory() }
  const redactor = new Redactor(options.startRedaction)
  const wheel = new DeadlineWheel(clock)
  const chance = { random, hex: new RandomHex(random) }
  const gates = { containment, live, load, refusals, redactor }
  const standing = { clock, ...chance, recorder, wheel, ...gates, ...own }
  const seen = { report, telemetry, tracing: options.tracing }
  const states = { inForce, isStopping, isSpaceScarce }
  return { ...standing, ...seen, ...states, approvals, breakGlass }
}

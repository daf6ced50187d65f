import type { Containment } from '../containment/index.ts'
import type { Clock, Random } from '../platform/index.ts'
import type { OwnHandler, ProxyContext, ProxyEvent } from './context.ts'
import { type InForce, makeInForce, type ProxySettings } from './in-force.ts'
import { type Certificate, Listener } from './listener.ts'
import { LiveExchanges } from './live-exchanges.ts'
import type { ListenerConfig } from './proxy-config.ts'
import type { ExchangeRecorder } from './recording.ts'
import { Refusals } from './refusals.ts'

export interface AccessProxyOptions extends ProxySettings {
  readonly clock: Clock
  readonly random: Random
  readonly recorder: ExchangeRecorder
  /** PEM texts stand here, not paths: whoever composes has read the files. */
  readonly listeners: readonly (Omit<ListenerConfig, 'tls'> & {
    readonly tls?: Certificate | undefined
  })[]
  readonly containment: Containment
  readonly answerOwn: OwnHandler
  readonly report?: (event: ProxyEvent) => void
}

/** Where a listener can be reached. */
export interface ListeningAt {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** The data plane: its listeners, and the connections to the upstreams. */
export class AccessProxy {
  readonly addresses: readonly ListeningAt[]
  readonly #listeners: readonly Listener[]
  readonly #context: ProxyContext
  readonly #stop: () => void

  private constructor(parts: {
    readonly addresses: readonly ListeningAt[]
    readonly listeners: readonly Listener[]
    readonly context: ProxyContext
    readonly stop: () => void
  }) {
    this.addresses = parts.addresses
    this.#listeners = parts.listeners
    this.#context = parts.context
    this.#stop = parts.stop
  }

  /** Listens on every address, or throws ProxyError and on none. */
  static async open(options: AccessProxyOptions): Promise<AccessProxy> {
    let isStopping = false
    const context = makeContext(options, () => isStopping)
    const listeners: Listener[] = []
    const addresses: ListeningAt[] = []
    try {
      for (const { tls, ...config } of options.listeners) {
        const listener = new Listener(config.name, context, tls)
        addresses.push({ name: config.name, ...(await listener.listen(config)) })
        listeners.push(listener)
      }
    } catch (cause) {
      await Promise.all(listeners.map((listener) => listener.drain()))
      throw cause
    }
    const stop = (): void => {
      isStopping = true
    }
    return new AccessProxy({ addresses, listeners, context, stop })
  }

  /**
   * Lets what is going on end, within `stopMs`, then cuts it. When this resolves every exchange
   * has its outcome, or the ledger could not be written. The recorder is closed after it.
   */
  async close(): Promise<void> {
    this.#stop()
    const { clock, inForce, refusals } = this.#context
    const { limits, upstreams } = inForce()
    const deadline = clock.after(limits.stopMs, () => {
      for (const listener of this.#listeners) listener.cutAll()
    })
    await Promise.all(this.#listeners.map((listener) => listener.drain()))
    deadline.cancel()
    await refusals.close()
    await Promise.all([...upstreams.values()].map(({ pool }) => pool.destroy()))
  }
}

function makeContext(options: AccessProxyOptions, isStopping: () => boolean): ProxyContext {
  const { clock, random, recorder, containment, answerOwn, report = () => undefined } = options
  const current = makeInForce(options)
  const inForce = (): InForce => current
  const refusals = new Refusals({ clock, recorder, limits: () => inForce().limits })
  const live = new LiveExchanges(containment)
  const standing = { clock, random, recorder, containment, live, answerOwn, refusals }
  return { ...standing, inForce, report, isStopping }
}

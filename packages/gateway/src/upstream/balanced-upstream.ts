import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '../platform/index.ts'
import { type Balancing, leastBusy, nextInTurn } from './balance.ts'
import { BalancedCall, type CallOwner, type RetryRule } from './balanced-call.ts'
import { Endpoint } from './endpoint.ts'
import { downFault, fullFault, unresolvedFault } from './fault-words.ts'
import { HealthCheck } from './health-check.ts'
import { NameWatch, type Resolve } from './name-watch.ts'
import { type Bearing, Outliers } from './outliers.ts'
import { RetryBudget } from './retry-budget.ts'
import { readTargetUrl, type TargetPlace } from './target-url.ts'
import { targetTls } from './tls/target-tls.ts'
import type { UpstreamClient, UpstreamFault, UpstreamHandler, UpstreamRequest } from './types.ts'
import { rulesOf, type TargetConfig, targetsOf, type UpstreamConfig } from './upstream-config.ts'
import { type UpstreamView, viewOf } from './upstream-view.ts'

/** Calls on one connection of HTTP/2. */
const STREAMS_MAX = 100

/** What a client needs to reach one address. */
export interface ClientOptions {
  /** An address, never a name. */
  readonly host: string
  readonly port: number
  readonly tls: ConnectionOptions | undefined
  readonly connectionsMax: number
  readonly connectMs: number
  readonly waitMs: number
  readonly idleMs: number
}

export interface UpstreamParts {
  readonly name: string
  /** PEM texts in place of paths. */
  readonly config: UpstreamConfig
  readonly connectMs: number
  readonly clock: Clock
  readonly resolve: Resolve
  readonly makeClient: (options: ClientOptions) => UpstreamClient
  /** What an operator may want to know. */
  readonly report: (fault: unknown) => void
}

/** Where the requests of one upstream may go, and what is known of it. */
export class BalancedUpstream implements UpstreamClient {
  readonly name: string
  /** Of its first target, as in `Host`. */
  readonly authority: string
  readonly #parts: UpstreamParts
  readonly #balancing: Balancing
  readonly #choose: typeof nextInTurn
  readonly #owner: CallOwner
  readonly #budget: RetryBudget
  readonly #outliers: Outliers
  readonly #watches: readonly NameWatch[]
  readonly #checks = new Map<Endpoint, HealthCheck>()
  /** Those that are gone, but for their last calls, among them. */
  readonly #opened = new Set<Endpoint>()
  readonly #faultStatuses: ReadonlySet<number>
  readonly #waiting = new Set<BalancedCall>()
  #endpoints: readonly Endpoint[] = []
  #available: readonly Endpoint[] = []
  /** Of each target: an authority that is one text everywhere is found to be the same at a look. */
  readonly #places: ReadonlyMap<TargetConfig, TargetPlace>
  #byTarget = new Map<TargetConfig, readonly Endpoint[]>()
  #unresolved: number
  #lastResolveFault: unknown
  #active = 0
  /** Calls that are to come, and have been promised that they are not too many. */
  #reserved = 0
  #retries = 0
  #overloaded = 0
  #isClosing = false
  #whenIdle: (() => void) | undefined

  /** Throws UpstreamError where its TLS settings are of no use. */
  constructor(parts: UpstreamParts) {
    const { config, clock } = parts
    this.#parts = parts
    this.name = parts.name
    const targets = targetsOf(config)
    this.#places = new Map(targets.map((target) => [target, readPlace(target)]))
    this.authority = this.#placeOf(targets[0]).authority
    for (const place of this.#places.values()) this.#tlsOf(place)
    this.#balancing = { ...config, connectionsMax: callsMax(config) }
    this.#choose = config.balance === 'least-requests' ? leastBusy : nextInTurn
    this.#budget = new RetryBudget(config.retries.budgetPercent)
    this.#faultStatuses = new Set(config.outliers.statuses)
    const onChange = (): void => this.#settleAvailable()
    this.#outliers = new Outliers(config.outliers, { clock, onChange })
    this.#owner = this.#ownerOfCalls()
    this.#unresolved = targets.length
    this.#watches = targets.map((target) => this.#watch(target))
    for (const watch of this.#watches) watch.start()
  }

  /**
   * Whether there is room for one more call: to be asked before it is written down that there will
   * be one. True: it is kept until `release` is called, right before the call or instead of it.
   */
  reserve(): boolean {
    const { requestsMax, waitingMax } = this.#parts.config
    const all = this.#active + this.#waiting.size + this.#reserved
    const atOnce = this.#available.length * this.#balancing.connectionsMax
    // Where nothing can be reached, that is what the caller is to hear.
    const isFull = all >= requestsMax || (atOnce > 0 && all >= atOnce + waitingMax)
    if (isFull) this.#overloaded += 1
    else this.#reserved += 1
    return !isFull
  }

  release(): void {
    this.#reserved -= 1
  }

  /** One request, whatever it takes to have it answered. */
  call(
    request: UpstreamRequest,
    handler: UpstreamHandler,
    rule: RetryRule = 'idempotent',
  ): BalancedCall {
    const call = new BalancedCall(this.#owner, request, handler, rule)
    this.#budget.deposit()
    this.#place(call)
    return call
  }

  /** States and counts, for whoever looks after it. */
  view(): UpstreamView {
    return viewOf(this.#parts, this.#endpoints, {
      active: this.#active,
      waiting: this.#waiting.size,
      retries: this.#retries,
      overloaded: this.#overloaded,
      fault: this.#endpoints.length === 0 ? this.#lastResolveFault : undefined,
    })
  }

  async close(): Promise<void> {
    await this.#stop()
    if (this.#active + this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    await Promise.all(this.#endpoints.map(({ client }) => client.close()))
  }

  async destroy(): Promise<void> {
    const stopped = this.#stop()
    for (const call of this.#waiting) call.reject(downFault(this.name))
    this.#waiting.clear()
    await stopped
    await Promise.all([...this.#opened].map(({ client }) => client.destroy()))
  }

  async #stop(): Promise<void> {
    this.#isClosing = true
    for (const watch of this.#watches) watch.close()
    this.#outliers.close()
    await Promise.all([...this.#checks.values()].map((check) => check.close()))
  }

  #ownerOfCalls(): CallOwner {
    const { clock, config } = this.#parts
    return {
      nowMs: () => clock.ticksMs(),
      isHostOfTarget: config.host === 'target',
      retry: (call, isForSame) => this.#retry(call, isForSame),
      leave: (endpoint, bearing) => this.#leave(endpoint, bearing),
      isFaulty: (status) => this.#faultStatuses.has(status),
      forget: (call) => {
        this.#waiting.delete(call)
        this.#settleIdle()
      },
    }
  }

  /** On the way of every request: nothing here waits or allocates while there is room. */
  #place(call: BalancedCall): void {
    const isFull = this.#active + this.#waiting.size >= this.#parts.config.requestsMax
    const endpoint = isFull ? undefined : this.#next(call)
    if (endpoint !== undefined) {
      this.#active += 1
      call.begin(endpoint)
    } else if (isFull) this.#refuse(call, 'as many requests are going on as may be')
    else this.#wait(call)
  }

  #next({ tried }: BalancedCall): Endpoint | undefined {
    const available = this.#available
    if (available.length === 1 && tried.length === 0) {
      const only = available[0]
      return only !== undefined && only.active < this.#balancing.connectionsMax ? only : undefined
    }
    const nowMs = this.#balancing.slowStartMs === 0 ? 0 : this.#parts.clock.ticksMs()
    const next = this.#choose(available, this.#balancing, nowMs, tried)
    if (next !== undefined || tried.length === 0) return next
    return this.#choose(available, this.#balancing, nowMs, [])
  }

  #wait(call: BalancedCall): void {
    const { config, clock } = this.#parts
    const hopeless = this.#hopeless()
    // The handler hears of it when the call has been returned.
    if (hopeless !== undefined) queueMicrotask(() => call.reject(hopeless))
    else if (this.#waiting.size >= config.waitingMax) {
      this.#refuse(call, 'as many requests wait for a connection as may')
    } else {
      this.#waiting.add(call)
      call.timer = clock.after(config.timeouts.waitMs, () => {
        this.#waiting.delete(call)
        this.#refuse(call, 'no connection was free in time')
        this.#settleIdle()
      })
    }
  }

  /** Why there is nothing to wait for; undefined where there is. */
  #hopeless(): UpstreamFault | undefined {
    if (this.#available.length > 0 || this.#unresolved > 0) return undefined
    return this.#endpoints.length === 0
      ? unresolvedFault(this.#lastResolveFault)
      : downFault(this.name)
  }

  #refuse(call: BalancedCall, why: string): void {
    this.#overloaded += 1
    queueMicrotask(() => call.reject(fullFault(`${this.name}: ${why}`)))
  }

  #retry(call: BalancedCall, isForSame: boolean): boolean {
    const { attemptsMax } = this.#parts.config.retries
    if (call.attempts >= attemptsMax || this.#isClosing) return false
    if (this.#endpoints.length < 2 && !isForSame) return false
    const endpoint = this.#next(call)
    if (endpoint === undefined || !this.#budget.take()) return false
    this.#retries += 1
    this.#active += 1
    call.begin(endpoint)
    return true
  }

  #leave(endpoint: Endpoint, bearing: Bearing): void {
    endpoint.active -= 1
    this.#active -= 1
    this.#outliers.count(endpoint, bearing, this.#endpoints)
    if (this.#waiting.size > 0) this.#serveWaiting()
    if (endpoint.isGone && endpoint.active === 0) this.#letGo(endpoint)
    this.#settleIdle()
  }

  #serveWaiting(): void {
    for (const call of this.#waiting) {
      const endpoint = this.#next(call)
      if (endpoint === undefined) return
      this.#waiting.delete(call)
      this.#active += 1
      call.begin(endpoint)
    }
  }

  #settleIdle(): void {
    if (this.#active + this.#waiting.size > 0) return
    this.#whenIdle?.()
    this.#whenIdle = undefined
  }

  #watch(target: TargetConfig): NameWatch {
    const { config, clock, resolve, report } = this.#parts
    let isFirst = true
    const resolved = (): void => {
      if (isFirst) this.#unresolved -= 1
      isFirst = false
    }
    return new NameWatch(this.#placeOf(target), {
      rules: rulesOf(config),
      refreshMs: config.refreshMs,
      clock,
      resolve,
      onChange: (addresses) => {
        resolved()
        this.#adopt(target, addresses)
      },
      onFault: (fault) => {
        resolved()
        this.#lastResolveFault = fault
        report(fault)
        this.#settleAvailable()
      },
    })
  }

  /** An address that stays keeps its connections, its health and its counts. */
  #adopt(target: TargetConfig, addresses: readonly string[]): void {
    const former = this.#byTarget.get(target) ?? []
    const next = addresses.map((host) => {
      return former.find((each) => each.host === host) ?? this.#open(target, host)
    })
    this.#byTarget.set(target, next)
    this.#endpoints = [...this.#byTarget.values()].flat()
    for (const endpoint of former) {
      if (next.includes(endpoint)) continue
      endpoint.isGone = true
      if (endpoint.active === 0) this.#letGo(endpoint)
    }
    this.#settleAvailable()
  }

  #open(target: TargetConfig, host: string): Endpoint {
    const { config, clock, makeClient, connectMs } = this.#parts
    const place = this.#placeOf(target)
    const options = {
      host,
      port: place.port,
      tls: this.#tlsOf(place),
      connectionsMax: config.connectionsMax,
      connectMs: config.timeouts.connectMs ?? connectMs,
      waitMs: config.timeouts.waitMs,
      idleMs: config.timeouts.idleMs,
    }
    const client = makeClient(options)
    const { weight } = target
    const endpoint = new Endpoint({ place, host, weight, client, readySinceMs: clock.ticksMs() })
    this.#opened.add(endpoint)
    if (config.health !== undefined) {
      const onChange = (): void => this.#settleAvailable()
      const own = makeClient({ ...options, connectionsMax: 1 })
      const parts = { health: config.health, client: own, clock, onChange }
      this.#checks.set(endpoint, new HealthCheck(endpoint, parts))
    }
    return endpoint
  }

  #letGo(endpoint: Endpoint): void {
    const { report } = this.#parts
    this.#checks.get(endpoint)?.close().catch(report)
    this.#checks.delete(endpoint)
    this.#opened.delete(endpoint)
    endpoint.client.close().catch(report)
  }

  #placeOf(target: TargetConfig | undefined): TargetPlace {
    const place = target && this.#places.get(target)
    if (place === undefined) throw new Error('a target that is not of this upstream')
    return place
  }

  #tlsOf(place: TargetPlace): ConnectionOptions | undefined {
    return place.scheme === 'https' ? targetTls(this.#parts.config, place) : undefined
  }

  /** Who waits goes on, or hears that there is nothing to wait for. */
  #settleAvailable(): void {
    this.#available = this.#endpoints.filter(({ isAvailable }) => isAvailable)
    if (this.#waiting.size === 0) return
    this.#serveWaiting()
    const hopeless = this.#hopeless()
    if (hopeless === undefined) return
    for (const call of this.#waiting) {
      this.#waiting.delete(call)
      call.reject(hopeless)
    }
    this.#settleIdle()
  }
}

function readPlace(target: TargetConfig): TargetPlace {
  const place = readTargetUrl(target.url)
  if ('wrong' in place) throw new Error(`a target that no configuration could have: ${place.wrong}`)
  return place
}

/** Calls that a target gets at once: of HTTP/2, many on each connection. */
function callsMax({ protocol, connectionsMax }: UpstreamConfig): number {
  return protocol === 'http/1.1' ? connectionsMax : connectionsMax * STREAMS_MAX
}

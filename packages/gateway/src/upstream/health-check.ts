import type { Clock, Timer } from '../platform/index.ts'
import type { Endpoint } from './endpoint.ts'
import { faultWord } from './fault-words.ts'
import type { UpstreamCall, UpstreamClient, UpstreamHandler, UpstreamRequest } from './types.ts'
import type { UpstreamConfig } from './upstream-config.ts'

type Health = NonNullable<UpstreamConfig['health']>

const ANSWER_BYTES_MAX = 65_536

/** What a check needs beside its endpoint. */
interface CheckParts {
  readonly health: Health
  /** Its own: an endpoint that is busy is not unhealthy. */
  readonly client: UpstreamClient
  readonly clock: Clock
  readonly onChange: () => void
}

/** Asks one endpoint how it is, again and again, and says when that has changed. */
export class HealthCheck {
  readonly #endpoint: Endpoint
  readonly #client: UpstreamClient
  readonly #health: Health
  readonly #clock: Clock
  readonly #onChange: () => void
  #timer: Timer | undefined
  #asking: UpstreamCall | undefined
  #goodInRow = 0
  #badInRow = 0
  #isClosed = false

  constructor(endpoint: Endpoint, parts: CheckParts) {
    this.#endpoint = endpoint
    this.#client = parts.client
    this.#health = parts.health
    this.#clock = parts.clock
    this.#onChange = parts.onChange
    this.#ask()
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#asking?.abort()
    return this.#client.destroy()
  }

  #ask(): void {
    const { path: target, host, timeoutMs, statuses } = this.#health
    const { place } = this.#endpoint
    const request: UpstreamRequest = {
      method: 'GET',
      authority: host ?? place.authority,
      target,
      fields: [['user-agent', 'countersign-health']],
      bodyBytes: 0,
    }
    const answer = new Answer(statuses, (fault) => this.#told(fault))
    const call = this.#client.call(request, answer)
    this.#asking = call
    this.#timer = this.#clock.after(timeoutMs, () => {
      call.abort()
      this.#told('first-byte-timeout')
    })
  }

  #told(fault: string | undefined): void {
    if (this.#isClosed) return
    this.#timer?.cancel()
    this.#asking?.abort()
    if (fault === undefined) this.#good()
    else this.#bad(fault)
    this.#timer = this.#clock.after(this.#health.everyMs, () => this.#ask())
  }

  #good(): void {
    this.#badInRow = 0
    this.#goodInRow += 1
    if (this.#endpoint.isHealthy || this.#goodInRow < this.#health.healthyAfter) return
    this.#endpoint.isHealthy = true
    this.#endpoint.readySinceMs = this.#clock.ticksMs()
    this.#onChange()
  }

  #bad(fault: string): void {
    this.#goodInRow = 0
    this.#badInRow += 1
    this.#endpoint.lastFault = `check: ${fault}`
    if (!this.#endpoint.isHealthy || this.#badInRow < this.#health.unhealthyAfter) return
    this.#endpoint.isHealthy = false
    this.#onChange()
  }
}

/** One answer to a check; told once, and not of what follows a verdict. */
class Answer implements UpstreamHandler {
  readonly #statuses: readonly number[]
  #tell: ((fault: string | undefined) => void) | undefined
  #fault: string | undefined
  #bytes = 0

  constructor(statuses: readonly number[], tell: (fault: string | undefined) => void) {
    this.#statuses = statuses
    this.#tell = tell
  }

  head(status: number): void {
    if (!this.#statuses.includes(status)) this.#fault = `status-${status}`
  }

  data(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > ANSWER_BYTES_MAX) this.#done('answer-too-long')
  }

  end(): void {
    this.#done(this.#fault)
  }

  fault(fault: Parameters<UpstreamHandler['fault']>[0]): void {
    this.#done(faultWord(fault))
  }

  #done(fault: string | undefined): void {
    const tell = this.#tell
    this.#tell = undefined
    tell?.(fault)
  }
}

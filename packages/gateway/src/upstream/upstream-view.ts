import type { Endpoint } from './endpoint.ts'
import type { UpstreamConfig } from './upstream-config.ts'

/** One address, as the control plane shows it. */
export interface EndpointView {
  readonly target: string
  readonly address: string
  readonly state: 'ready' | 'unhealthy' | 'ejected'
  readonly weight: number
  readonly active: number
  readonly requests: number
  readonly faults: number
  readonly faultsInRow: number
  readonly ejections: number
  readonly lastFault?: string
}

/** One upstream, as the control plane shows it. */
export interface UpstreamView {
  readonly name: string
  readonly balance: UpstreamConfig['balance']
  /** `down`: nothing that is sent there can be answered. */
  readonly state: 'ready' | 'degraded' | 'down'
  readonly active: number
  readonly waiting: number
  readonly retries: number
  /** Requests that a limit of the upstream turned away. */
  readonly overloaded: number
  /** Why its names lead nowhere, where they do. */
  readonly fault?: string
  readonly endpoints: readonly EndpointView[]
}

export function viewOf(
  { name, config }: { readonly name: string; readonly config: UpstreamConfig },
  endpoints: readonly Endpoint[],
  counts: {
    readonly active: number
    readonly waiting: number
    readonly retries: number
    readonly overloaded: number
    readonly fault: unknown
  },
): UpstreamView {
  const { fault, ...numbers } = counts
  const available = endpoints.filter(({ isAvailable }) => isAvailable).length
  const degraded = available < endpoints.length ? 'degraded' : 'ready'
  return {
    name,
    balance: config.balance,
    state: available === 0 ? 'down' : degraded,
    ...numbers,
    ...(fault instanceof Error ? { fault: fault.message } : {}),
    endpoints: endpoints.map(endpointView),
  }
}

function endpointView(endpoint: Endpoint): EndpointView {
  const { place, address, weight, active, requests, faults, faultsInRow, ejections } = endpoint
  const ejected = endpoint.isEjected ? 'ejected' : 'ready'
  return {
    target: place.authority,
    address,
    state: endpoint.isHealthy ? ejected : 'unhealthy',
    weight,
    active,
    requests,
    faults,
    faultsInRow,
    ejections,
    ...(endpoint.lastFault === undefined ? {} : { lastFault: endpoint.lastFault }),
  }
}

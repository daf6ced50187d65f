import type { UpstreamView } from '../../upstream/index.ts'

type EndpointView = UpstreamView['endpoints'][number]

const STATES = ['ready', 'degraded', 'down', 'unhealthy', 'ejected']

/** The upstreams as all workers together see them: counts are sums, states the worst of all. */
export function summedViews(views: readonly (readonly UpstreamView[])[]): readonly UpstreamView[] {
  const byName = new Map<string, UpstreamView>()
  for (const view of views.flat()) {
    const known = byName.get(view.name)
    byName.set(view.name, known === undefined ? view : sum(known, view))
  }
  return [...byName.values()]
}

function sum(one: UpstreamView, other: UpstreamView): UpstreamView {
  const endpoints = new Map<string, EndpointView>()
  for (const each of [...one.endpoints, ...other.endpoints]) {
    const place = `${each.target} ${each.address}`
    const known = endpoints.get(place)
    endpoints.set(place, known === undefined ? each : sumEndpoint(known, each))
  }
  return {
    ...one,
    ...other,
    state: worst(one.state, other.state),
    active: one.active + other.active,
    waiting: one.waiting + other.waiting,
    retries: one.retries + other.retries,
    overloaded: one.overloaded + other.overloaded,
    endpoints: [...endpoints.values()],
  }
}

function sumEndpoint(one: EndpointView, other: EndpointView): EndpointView {
  return {
    ...one,
    ...other,
    state: worst(one.state, other.state),
    active: one.active + other.active,
    requests: one.requests + other.requests,
    faults: one.faults + other.faults,
    faultsInRow: Math.max(one.faultsInRow, other.faultsInRow),
    ejections: one.ejections + other.ejections,
  }
}

function worst<State extends string>(one: State, other: State): State {
  return STATES.indexOf(one) < STATES.indexOf(other) ? other : one
}

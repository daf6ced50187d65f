import { parameterName } from '../policy/index.ts'
import type { RouteConfig } from './proxy-config.ts'

/** A route, and its path in segments, of which `undefined` stands for any one segment. */
interface Entry {
  readonly route: RouteConfig
  readonly prefix: string
  readonly segments: readonly (string | undefined)[]
  readonly hasParameters: boolean
}

/**
 * Routes by host, then by path: the longest path that ends at a segment boundary wins, and of two
 * as long the one that says the first segment in which they differ itself.
 */
export class RouteTable {
  readonly #byHost = new Map<string, readonly Entry[]>()
  readonly #anyHost: readonly Entry[]

  constructor(routes: readonly RouteConfig[]) {
    const mostExactFirst = routes.map(entryOf).toSorted(compareEntries)
    this.#anyHost = mostExactFirst.filter(({ route }) => route.hosts === undefined)
    for (const host of new Set(routes.flatMap(({ hosts }) => hosts ?? []))) {
      // A route that names the host comes before one that takes any, whatever their lengths.
      const named = mostExactFirst.filter(({ route }) => route.hosts?.includes(host))
      this.#byHost.set(host, [...named, ...this.#anyHost])
    }
  }

  find(host: string, path: string): RouteConfig | undefined {
    const entries = this.#byHost.get(host) ?? this.#anyHost
    return entries.find((entry) => covers(entry, path))?.route
  }
}

function entryOf(route: RouteConfig): Entry {
  const prefix = route.path.endsWith('/') ? route.path.slice(0, -1) : route.path
  const texts = prefix.split('/')
  const segments = texts.map((text) => (parameterName(text) === undefined ? text : undefined))
  return { route, prefix, segments, hasParameters: segments.includes(undefined) }
}

function compareEntries(a: Entry, b: Entry): number {
  if (a.segments.length !== b.segments.length) return b.segments.length - a.segments.length
  const at = a.segments.findIndex((segment, place) => {
    return (segment === undefined) !== (b.segments[place] === undefined)
  })
  if (at === -1) return 0
  return a.segments[at] === undefined ? 1 : -1
}

function covers({ prefix, segments, hasParameters }: Entry, path: string): boolean {
  if (hasParameters) return coversSegments(segments, path.split('/'))
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}

/** A parameter takes any segment that is not empty. */
function coversSegments(expected: readonly (string | undefined)[], path: string[]): boolean {
  return expected.every((segment, at) => {
    const actual = path[at]
    return segment === undefined ? actual !== undefined && actual !== '' : actual === segment
  })
}

import type { RouteConfig } from './proxy-config.ts'

/** Routes by host, then by path: the longest prefix that ends at a segment boundary wins. */
export class RouteTable {
  readonly #byHost = new Map<string, readonly RouteConfig[]>()
  readonly #anyHost: readonly RouteConfig[]

  constructor(routes: readonly RouteConfig[]) {
    const longestFirst = routes.toSorted((a, b) => prefixOf(b).length - prefixOf(a).length)
    this.#anyHost = longestFirst.filter(({ hosts }) => hosts === undefined)
    for (const host of new Set(routes.flatMap(({ hosts }) => hosts ?? []))) {
      // A route that names the host comes before one that takes any, whatever their lengths.
      const named = longestFirst.filter(({ hosts }) => hosts?.includes(host))
      this.#byHost.set(host, [...named, ...this.#anyHost])
    }
  }

  find(host: string, path: string): RouteConfig | undefined {
    const routes = this.#byHost.get(host) ?? this.#anyHost
    return routes.find((route) => covers(prefixOf(route), path))
  }
}

function prefixOf({ path }: RouteConfig): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function covers(prefix: string, path: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/')
}

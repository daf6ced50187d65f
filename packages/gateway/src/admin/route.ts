import type { Disk } from '../platform/index.ts'

/** Who may call a route. Roles come with the console; until then all there is is public. */
export type Permission = 'public'

/** One line of the control plane's table. Permission cannot be left out. */
export interface Route {
  readonly method: 'GET'
  /** As hono matches it; `*` takes the rest. HEAD is answered as GET without the body. */
  readonly path: string
  readonly permission: Permission
  readonly handle: (request: Request, parts: AdminParts) => Response | Promise<Response>
}

/** What the public log stands at. */
export interface PublishedCheckpoint {
  readonly size: number
  /** The signed note, as it is served. */
  readonly note: string
}

/** What the routes stand on. */
export interface AdminParts {
  readonly disk: Disk
  /** `log` directory of the epoch in force. */
  readonly logDirectory: string
  /** The newest published checkpoint: nothing beyond it is served. */
  readonly published: () => PublishedCheckpoint | undefined
  /** `open` when requests are served; otherwise what the gateway is at. */
  readonly state: () => string
  readonly answerWellKnown: (request: Request) => Promise<Response>
  readonly consolePage: string
}

import type { Actant, JsonObject } from '@countersign/evidence'
import type { Approvals, BreakGlass } from '../approval/index.ts'
import type { Containment } from '../containment/index.ts'
import type { ClientCertificate, Credential, Principal } from '../identity/index.ts'
import type { Disk } from '../platform/index.ts'
import type { UpstreamView } from '../upstream/index.ts'
import type { GuardParts } from './guard.ts'
import type { Configuring } from './reload.ts'
import type { Role } from './roles.ts'

/** Who may call a route: anybody, whoever shows who they are, or who has the role. */
export type Permission = 'public' | 'known' | Role

/** The other end of a connection to the control plane. */
export interface AdminPeer {
  readonly address: string
  readonly certificate?: ClientCertificate | undefined
}

/** Somebody who has shown who they are. */
export interface AdminCaller {
  readonly principal: Principal
  readonly credential: Credential | undefined
  readonly roles: ReadonlySet<Role>
  readonly address: string
  /** How records of acts name them. */
  readonly who: Actant
}

/** What an act came to; its record is durable before the answer goes out. */
export interface ActDone {
  readonly response: Response
  /** What it was done to, for the record. */
  readonly target?: string | undefined
  /** Without secrets: it goes into the record as it is. */
  readonly parameters?: JsonObject | undefined
  /** It has a record of its own already, or is owed one: the answer waits for no other. */
  readonly isRecorded?: boolean
}

/** One line of the control plane's table. Permission cannot be left out. */
export type Route = PublicRoute | GuardedRoute

interface RouteBase {
  /** As hono matches it; `*` takes the rest. HEAD is answered as GET without the body. */
  readonly path: string
}

export interface PublicRoute extends RouteBase {
  readonly method: 'GET'
  readonly permission: 'public'
  readonly handle: (request: Request, parts: AdminParts) => Response | Promise<Response>
}

export interface GuardedRoute extends RouteBase {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly permission: Exclude<Permission, 'public'>
  /** What the record calls it. */
  readonly operation: string
  readonly handle: (
    request: Request,
    parts: AdminParts,
    caller: AdminCaller,
  ) => ActDone | Promise<ActDone>
}

/** What the public log stands at. */
export interface PublishedCheckpoint {
  readonly size: number
  /** The signed note, as it is served. */
  readonly note: string
}

/** `scarce`: nothing is forwarded; `low`: make room. */
export interface VolumeView {
  readonly level: 'ample' | 'low' | 'scarce'
  readonly freeBytes: number
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
  readonly guard: GuardParts
  readonly nowUs: () => number
  /** Whether the configuration in force has a route or an upstream of this name. */
  readonly isConfigured: (kind: 'route' | 'upstream', name: string) => boolean
  readonly containment: Containment
  readonly approvals: Approvals
  readonly breakGlass: BreakGlass
  readonly configuring: Configuring
  /** The room on the disk of the ledger. */
  readonly volume: () => VolumeView
  /** Those in force; none before anything is served. */
  readonly upstreams: () => readonly UpstreamView[]
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>
}

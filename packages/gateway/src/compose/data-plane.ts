import { getHeapStatistics } from 'node:v8'
import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import type { Containment } from '../containment/index.ts'
import { type Authenticators, type StatementKey, Statements } from '../identity/index.ts'
import { type QuotaStore, Quotas } from '../limits/index.ts'
import {
  AccessProxy,
  type Approving,
  type DataPlaneSettings,
  type ExchangeRecorder,
  type GlassBreaking,
  type ListenerSettings,
  type OwnHandler,
  type ReadyChange,
} from '../proxy/index.ts'
import type { Counting, Traces } from '../telemetry/index.ts'
import type { Machine } from './machine.ts'
import { type CertificateSource, certificateEnds, ObtainedCertificates } from './open-acme.ts'
import { type IdentityNeeds, type OpenIdentity, openIdentity } from './open-identity.ts'
import type { FollowedLogins } from './open-logins.ts'
import { openQuotas } from './open-quotas.ts'
import type { Prepared } from './prepare.ts'
import { ProofMemory } from './proof-memory.ts'
import { startRedaction } from './start-redaction.ts'

export interface DataPlaneNeeds {
  readonly recorder: ExchangeRecorder
  readonly containment: Containment
  /** Without them nothing can be approved, and no glass is broken. */
  readonly approvals?: Approving
  readonly breakGlass?: GlassBreaking
  /** Where quotas are counted; without it, here. */
  readonly quotaStore?: QuotaStore
  /** Where certificates of our own asking come from; without it, from an order of our own. */
  readonly obtained?: CertificateSource
  /** What nonces of DPoP are made with, where other processes take them too. */
  readonly nonceSecret?: Uint8Array
  /** Where another process keeps who has signed in with a browser. */
  readonly followedLogins?: FollowedLogins
  /** Changes of keys and revocations are recorded by another process. */
  readonly isFollower?: boolean
  readonly answerOwn: OwnHandler
  /** The ledger that statements speak of, and what they are signed with. */
  readonly origin: string
  readonly statementKeys: readonly StatementKey[]
  readonly log: Logger
  readonly telemetry: Counting
  readonly tracing: Traces | undefined
  readonly isSpaceScarce: () => boolean
  /** How long the oldest record waits to be durable. */
  readonly ledgerLagMs: () => number
}

/** What one configuration has opened beside the sockets. */
interface Opened {
  readonly prepared: Prepared
  readonly identity: OpenIdentity
  readonly statements: Statements
}

/** Everything that requests meet, as the configuration in force says. */
export class DataPlane {
  readonly #machine: Machine
  readonly #needs: DataPlaneNeeds & IdentityNeeds
  /** Counts on through every configuration. */
  readonly #quotaStore: QuotaStore
  readonly #proxy: AccessProxy
  readonly #obtained: CertificateSource
  /** What is in force; shared with what asks for it. */
  readonly #now: { opened: Opened }
  /** By how many configurations it is gone by: those in force, and those with exchanges left. */
  readonly #holders = new Map<OpenIdentity, number>()

  private constructor(parts: {
    readonly machine: Machine
    readonly needs: DataPlaneNeeds & IdentityNeeds
    readonly quotaStore: QuotaStore
    readonly proxy: AccessProxy
    readonly obtained: CertificateSource
    readonly now: { opened: Opened }
  }) {
    this.#machine = parts.machine
    this.#needs = parts.needs
    this.#quotaStore = parts.quotaStore
    this.#proxy = parts.proxy
    this.#obtained = parts.obtained
    this.#now = parts.now
    this.#hold(parts.now.opened.identity)
  }

  static async open(first: Prepared, machine: Machine, needs: DataPlaneNeeds): Promise<DataPlane> {
    const { recorder, containment, approvals, breakGlass, answerOwn, log } = needs
    await using parts = new AsyncDisposableStack()
    // Set as soon as there are listeners whose authorities can change.
    const later: { renew: () => void } = { renew: () => undefined }
    const proofMemory = new ProofMemory(machine, needs.nonceSecret)
    const withTrust = { ...needs, proofMemory, onTrustChange: () => later.renew() }
    const identity = await openIdentity(first.config, machine, withTrust)
    parts.defer(() => identity.close())
    const quotaStore = needs.quotaStore ?? (await openLoggedQuotas(first.config, machine, log))
    parts.defer(() => quotaStore.close())
    const statements = statementsOf(first, needs)
    const now = { opened: { prepared: first, identity, statements } }
    const obtained = needs.obtained ?? new ObtainedCertificates(machine, needs)
    parts.defer(() => obtained.close())
    const certificates = await obtained.ready(first.config)
    const proxy = await AccessProxy.open({
      ...machine,
      ...settingsOf(now.opened, quotaStore, obtained),
      challenges: obtained.challenges,
      recorder,
      containment,
      ...(approvals === undefined ? {} : { approvals }),
      ...(breakGlass === undefined ? {} : { breakGlass }),
      telemetry: needs.telemetry,
      tracing: needs.tracing,
      startRedaction,
      isSpaceScarce: needs.isSpaceScarce,
      pressures: { ledgerLagMs: needs.ledgerLagMs, heapPercent },
      // Where people sign in comes first; what is left is everybody's.
      answerOwn: async (request) =>
        (await now.opened.identity.answer(request)) ?? answerOwn(request),
      report: ({ event, exchange, cause }) => log.warn({ exchange, err: cause }, event),
    })
    parts.move()
    later.renew = () => renewAuthorities(proxy, now.opened, obtained)
    later.renew()
    obtained.onChange((name) => {
      const listener = now.opened.prepared.listeners.find((each) => each.name === name)
      if (listener !== undefined) replaceCertificate(proxy, listener, now.opened, obtained)
    })
    certificates.apply()
    return new DataPlane({ machine, needs: withTrust, quotaStore, proxy, obtained, now })
  }

  /** Those in force. */
  get authenticators(): Authenticators {
    return this.#now.opened.identity.authenticators
  }

  get upstreams(): AccessProxy['upstreams'] {
    return this.#proxy.upstreams
  }

  /** When the certificates of the listeners end. */
  get certificates(): ReturnType<typeof certificateEnds> {
    const { listeners } = this.#now.opened.prepared
    return certificateEnds(listeners.map((listener) => this.#obtained.fill(listener)))
  }

  /** It serves by itself. */
  readonly workers = []
  readonly isServing = true

  get addresses(): AccessProxy['addresses'] {
    return this.#proxy.addresses
  }

  /** Opens what another configuration needs; nothing of it is in force. */
  async ready(next: Prepared): Promise<ReadyChange> {
    const former = this.#now.opened.identity
    const isKept = isSameIdentity(this.#now.opened.prepared, next)
    const identity = isKept
      ? former
      : await openIdentity(next.config, this.#machine, this.#needs, former.loginMemories)
    const closeUnused = async (): Promise<void> => {
      if (!isKept) await identity.close()
    }
    const opened = { prepared: next, identity, statements: statementsOf(next, this.#needs) }
    await using parts = new AsyncDisposableStack()
    parts.defer(closeUnused)
    const certificates = await this.#obtained.ready(next.config)
    parts.defer(() => certificates.abandon())
    const settings = settingsOf(opened, this.#quotaStore, this.#obtained)
    const change = await this.#proxy.ready(settings)
    parts.defer(() => change.abandon())
    const unused = parts.move()
    return {
      apply: () => {
        this.#now.opened = opened
        this.#hold(identity)
        change.apply(() => this.#background(this.#letGo(former)))
        this.#background(former.withdrawLogins(identity.loginMemories))
        // A bundle may have changed since its authorities were read.
        renewAuthorities(this.#proxy, opened, this.#obtained)
        certificates.apply()
      },
      abandon: () => unused.disposeAsync(),
    }
  }

  /** Lets what is going on end. */
  async close(): Promise<void> {
    await this.#obtained.close()
    await this.#proxy.close()
    await this.#quotaStore.close()
    await this.#now.opened.identity.close()
  }

  #hold(identity: OpenIdentity): void {
    this.#holders.set(identity, (this.#holders.get(identity) ?? 0) + 1)
  }

  /** An older configuration than the one that lets go may have exchanges that go by it still. */
  async #letGo(identity: OpenIdentity): Promise<void> {
    const left = (this.#holders.get(identity) ?? 0) - 1
    if (left > 0) return void this.#holders.set(identity, left)
    this.#holders.delete(identity)
    await identity.close()
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => this.#needs.log.error({ err: error }, 'former configuration'))
  }
}

/** The store of the quotas; what goes wrong with it is logged. */
export function openLoggedQuotas(
  config: Config,
  machine: Machine,
  log: Logger,
): Promise<QuotaStore> {
  return openQuotas(config, machine, (fault) => {
    log.warn({ err: fault }, 'a lease of the shared quota store')
  })
}

/** Of what V8 may have before it gives up. */
function heapPercent(): number {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics()
  return (used / limit) * 100
}

function statementsOf(
  { config }: Prepared,
  { origin, statementKeys: keys }: DataPlaneNeeds,
): Statements {
  return new Statements({ keys, origin, config: config.identity.upstream })
}

/** From the next handshake on, of every listener that believes a trust domain. */
function renewAuthorities(proxy: AccessProxy, opened: Opened, obtained: CertificateSource): void {
  for (const listener of opened.prepared.listeners) {
    if (listener.tls?.clientCertificates?.trustDomain === undefined) continue
    replaceCertificate(proxy, listener, opened, obtained)
  }
}

function replaceCertificate(
  proxy: AccessProxy,
  listener: ListenerSettings,
  { identity }: Opened,
  obtained: CertificateSource,
): void {
  const { tls } = obtained.fill(identity.withAuthorities(listener))
  if (tls !== undefined) proxy.replaceCertificate(listener.name, tls)
}

function settingsOf(
  { prepared, identity, statements }: Opened,
  store: QuotaStore,
  obtained: CertificateSource,
): DataPlaneSettings {
  const { config, configurationSha256, listeners, upstreams, egress, policies } = prepared
  const { limits, routes, quotas, quotaStore, approvals } = config
  const { onUnavailable } = quotaStore
  return {
    configurationSha256,
    limits,
    routes,
    listeners: listeners.map((each) => obtained.fill(identity.withAuthorities(each))),
    upstreams,
    egress,
    policies,
    authenticators: identity.authenticators,
    statements,
    approvalsUrl: (approvals.url ?? adminUrl(config))?.replace(/\/$/, ''),
    quotas: new Quotas({ config: quotas, store, onUnavailable, exchangeMs: limits.exchangeMs }),
  }
}

/** Where the control plane is for whoever is on this machine; unknown for a port of chance. */
function adminUrl({ admin: { host, port, tls } }: Config): string | undefined {
  const name = host.includes(':') ? `[${host}]` : host
  return port === 0 ? undefined : `${tls === undefined ? 'http' : 'https'}://${name}:${port}`
}

/** Whether the stores and caches of the former can go on as they are. */
export function isSameIdentity(former: Prepared, next: Prepared): boolean {
  return identityOf(former) === identityOf(next)
}

function identityOf({ config, references, secrets }: Prepared): string {
  const files = [...references, ...secrets].filter(({ name }) => name.startsWith('identity.'))
  return JSON.stringify([config.identity, files])
}

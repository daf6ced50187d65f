import type { Logger } from 'pino'
import {
  type AdminCaller,
  type AdminServer,
  checkCertificate,
  type GuardParts,
  type ReloadCause,
  type ReloadResult,
} from '../admin/index.ts'
import { VERSION } from '../cli/index.ts'
import type { Config } from '../config/index.ts'
import type { Containment } from '../containment/index.ts'
import { type Presented, refused } from '../identity/index.ts'
import { type Clock, roomyDisk } from '../platform/index.ts'
import type { ReadyChange } from '../proxy/index.ts'
import { Recorder } from '../recorder/index.ts'
import type { MetricsParts } from '../telemetry/index.ts'
import { ChangeRecords } from './change-records.ts'
import { clockFault } from './clock-range.ts'
import { DataPlane } from './data-plane.ts'
import type { Machine } from './machine.ts'
import { type AdminNeeds, openAdmin } from './open-admin.ts'
import { openAnswers } from './open-answers.ts'
import { openApprovals } from './open-approvals.ts'
import { type OpenBodies, openBodies } from './open-bodies.ts'
import { openContainment } from './open-containment.ts'
import { type OpenLedger, openLedger } from './open-ledger.ts'
import { EPOCH } from './open-secrets.ts'
import { type OpenSpace, openSpace } from './open-space.ts'
import { openTelemetry } from './open-telemetry.ts'
import { operationalLog } from './operational-log.ts'
import { type Prepared, prepare } from './prepare.ts'
import { referencedFiles } from './referenced-files.ts'
import { Reloader } from './reloader.ts'
import { FileWatch } from './watch-files.ts'
import { type WorkersNeeds, WorkersPlane } from './workers/workers-plane.ts'

/** A gateway that serves. */
export interface Gateway {
  readonly origin: string
  /** Ed25519 first. */
  readonly vkeys: readonly string[]
  /** Nothing was ever recorded here before. */
  readonly isNew: boolean
  /** Where it listens, and what for. */
  readonly addresses: readonly string[]
  readonly rollbackProtection: string
  /**
   * For how long whatever requests wait for in the ledger has made no progress, or, beyond the time
   * that it may take, the stop.
   */
  stalledMs(): number
  /** Goes by the files as they are now, whole, or not at all. */
  reload(cause: ReloadCause): Promise<ReloadResult>
  /** Lets requests under way end, records the stop, publishes, and lets go of everything. */
  close(): Promise<void>
}

/** Opens everything from the ledger up; what was opened is closed again when the rest fails. */
export async function openGateway(first: Prepared, bare: Machine): Promise<Gateway> {
  const { config } = first
  const log = operationalLog(config.log.level)
  await using parts = new AsyncDisposableStack()

  const { ledger, space, machine } = await openKept(config, bare, { log, parts })
  const bodies = await openBodies(config, bare, { ledger, log })
  const recorder = makeRecorder(config, machine, { ledger, bodies, log })
  const { answerOwn, statementKeys } = await openAnswers(config, machine, { ledger, recorder })
  const containment = await openContainment(config, machine, { recorder, log })
  parts.defer(() => containment.close())
  // The control plane opens first and closes last: it tells why nothing is served.
  let phase: 'starting' | 'serving' | 'stopping' = 'starting'
  const state = (): string => {
    if (phase !== 'serving') return phase
    return dataPlane?.isServing === false ? 'starting' : ledger.keeper.state
  }
  let dataPlane: ServingPlane | undefined
  let admin: AdminServer | undefined
  const records = new ChangeRecords(recorder)
  const reloader = new Reloader({
    first,
    records,
    log,
    prepare: () => prepare(first.path),
    ready: async (next) => readyAll(next, { dataPlane, admin }),
  })
  const asking = { machine, recorder, containment, reloader, dataPlane: () => dataPlane }
  const guard = guardOf(asking)
  const current = (): Config => reloader.current.config
  const approving = await openApprovals(config, machine, { recorder, log, config: current })
  parts.defer(() => approving.close())
  const { approvals, breakGlass } = approving
  const standing = { containment, approvals, breakGlass, ledger, recorder, log }
  const { telemetry, tracing, metrics, ...spans } = await openTelemetry(config, machine, {
    onFlush: ledger.onFlush,
    ledger: () => ledgerFacts(ledger, state()),
    volume: space.facts,
    overdueReviews: () => breakGlass.overdue(machine.clock.nowUs()),
    certificates: () => dataPlane?.certificates ?? [],
    workers: () => dataPlane?.workers ?? [],
    log,
  })
  parts.defer(() => spans.close())
  const asked = { metrics, upstreams: () => dataPlane?.upstreams ?? [], volume: space.facts }
  const seen = { state, guard, configuring: reloader, isConfigured: isIn(current), ...asked }
  admin = await openAdmin(first, machine, { ...standing, ...seen, answerWellKnown: answerOwn })
  parts.defer(() => admin.close())

  await startRecording({ recorder, ledger, bodies, space })
  parts.defer(() => recorder.stop('asked to stop'))
  await records.loaded(first, undefined, { by: 'start' })
  for (const policy of first.policies.uncovered) log.warn(policy, 'policy-uncovered')

  const { origin, vkeys } = ledger.signer
  const given = { answerOwn, origin, statementKeys, telemetry, tracing }
  const ledgerLagMs = (): number => ledger.keeper.lag.unacknowledgedMs
  const planeNeeds = { ...standing, ...given, isSpaceScarce: space.isScarce, ledgerLagMs }
  dataPlane = await openPlane(first, machine, planeNeeds)
  parts.defer(() => dataPlane.close())
  parts.defer(() => reloader.close())
  const watch = watchConfiguration(reloader, machine, log)
  parts.defer(() => watch.close())

  const open = parts.move()
  phase = 'serving'
  const ending = endingOf(machine.clock, () => current().limits.stopMs)
  return {
    origin,
    vkeys,
    isNew: ledger.isNew,
    addresses: addressesOf(config, dataPlane.addresses, admin.port),
    rollbackProtection: ledger.rollbackProtection,
    stalledMs: () => Math.max(ledger.keeper.stalledMs, ending.overdueMs()),
    reload: (cause) => reloader.reload(cause),
    close: () => {
      phase = 'stopping'
      ending.begin()
      return open.disposeAsync()
    },
  }
}

/** For how long a stop takes longer than it may. */
function endingOf(clock: Clock, stopMs: () => number): { begin(): void; overdueMs(): number } {
  let fromMs: number | undefined
  return {
    begin: () => {
      fromMs = clock.ticksMs()
    },
    overdueMs: () => (fromMs === undefined ? 0 : clock.ticksMs() - fromMs - stopMs()),
  }
}

function isIn(current: () => Config): AdminNeeds['isConfigured'] {
  return (kind, name) => {
    const { routes, upstreams } = current()
    if (kind === 'upstream') return Object.hasOwn(upstreams, name)
    return routes.some((route) => route.name === name)
  }
}

/** What serves requests: this process, or several of its own. */
type ServingPlane = Pick<
  WorkersPlane,
  | 'authenticators'
  | 'upstreams'
  | 'certificates'
  | 'addresses'
  | 'workers'
  | 'isServing'
  | 'ready'
  | 'close'
>

function openPlane(first: Prepared, machine: Machine, needs: WorkersNeeds): Promise<ServingPlane> {
  if (first.config.workers === 1) return DataPlane.open(first, machine, needs)
  return WorkersPlane.open(first, machine, needs)
}

/** From the first records on; what an earlier life left of bodies is looked after meanwhile. */
async function startRecording(parts: {
  readonly recorder: Recorder
  readonly ledger: OpenLedger
  readonly bodies: OpenBodies
  readonly space: OpenSpace
}): Promise<void> {
  await parts.recorder.start()
  const { wal, packed: reader } = parts.ledger
  void parts.bodies.settle({ wal, reader })
  parts.space.recordIn(parts.recorder)
}

/** Who is let in at the control plane: whom the data plane knows, and nobody in quarantine. */
function guardOf(parts: {
  readonly machine: Machine
  readonly recorder: Recorder
  readonly containment: Containment
  readonly reloader: Reloader
  readonly dataPlane: () => ServingPlane | undefined
}): GuardParts {
  const { machine, recorder, containment, reloader, dataPlane } = parts
  return {
    clock: machine.clock,
    recorder,
    roles: () => reloader.current.config.admin.roles,
    externalOrigin: () => reloader.current.config.admin.externalUrl,
    identify: (presented: Presented) =>
      dataPlane()?.authenticators.chain().identify(presented) ??
      refused('credentials-unverifiable'),
    barred: (caller: AdminCaller) =>
      containment.finds(caller) === undefined ? undefined : ('quarantined' as const),
  }
}

/** The ledger, and the room that it needs. */
async function openKept(
  config: Config,
  bare: Machine,
  { log, parts }: { readonly log: Logger; readonly parts: AsyncDisposableStack },
): Promise<{ readonly ledger: OpenLedger; readonly space: OpenSpace; readonly machine: Machine }> {
  const fault = clockFault(bare.clock.nowUs())
  if (fault !== undefined) throw new Error(`${fault}. Set the clock, then start again`)
  const space = await openSpace(config, bare, log)
  parts.defer(() => space.close())
  // Whatever is written where the disk is full asks the reserve for room first.
  const machine = { ...bare, disk: roomyDisk(bare.disk, space.makeRoom) }
  const ledger = await openLedger(config, machine)
  parts.defer(() => ledger.close())
  ledger.keeper.onTrouble((reason, state) => {
    // `refused` is for ever: a person has to look before this ledger is written again.
    log[state === 'refused' ? 'fatal' : 'error']({ err: reason, state }, 'ledger')
  })
  return { ledger, space, machine }
}

/** Both planes: the data plane's part is what can fail last, so that nothing is left behind. */
async function readyAll(
  next: Prepared,
  planes: { readonly dataPlane: ServingPlane | undefined; readonly admin: AdminServer | undefined },
): Promise<ReadyChange> {
  const { dataPlane, admin } = planes
  const { adminTls } = next
  if (dataPlane === undefined) throw new Error('the gateway is not serving yet')
  if (adminTls !== undefined) checkCertificate(adminTls)
  const change = await dataPlane.ready(next)
  return {
    ...change,
    apply: () => {
      change.apply()
      if (adminTls !== undefined) admin?.replaceCertificate(adminTls)
    },
  }
}

/** A change that could not be recorded is offered again; one that was refused was told. */
function watchConfiguration(reloader: Reloader, { clock }: Machine, log: Logger): FileWatch {
  return new FileWatch({
    clock,
    watched: () => {
      const { path, config } = reloader.current
      const files = [path, ...referencedFiles(config).map((reference) => reference.path)]
      return { files, directories: [config.policies.directory] }
    },
    onChange: async () => (await reloader.reload({ by: 'file' })).kind !== 'unrecorded',
    onFault: (fault) => log.error({ err: fault }, 'change of the configuration'),
  })
}

function makeRecorder(
  config: Config,
  { clock, random }: Machine,
  needs: { readonly ledger: OpenLedger; readonly bodies: OpenBodies; readonly log: Logger },
): Recorder {
  const { ledger, bodies, log } = needs
  const { vault, signer, keeper } = ledger
  return new Recorder({
    keeper,
    vault,
    clock,
    random,
    epoch: EPOCH,
    origin: signer.origin,
    vkeys: signer.vkeys,
    gateway: config.gateway,
    version: VERSION,
    runtime: `node ${process.version}`,
    heartbeatMs: config.ledger.heartbeatEveryMs,
    bodies: bodies.store,
    onFault: (fault) => log.error({ err: fault }, 'recorder'),
  })
}

/** Asked when somebody looks. */
function ledgerFacts({ keeper }: OpenLedger, state: string): ReturnType<MetricsParts['ledger']> {
  const publishedSize = keeper.published?.size ?? 0
  const lagEntries = Math.max(0, keeper.size - publishedSize)
  return { state, publishedSize, lagEntries, lag: keeper.lag }
}

function addressesOf(
  config: Config,
  addresses: ServingPlane['addresses'],
  adminPort: number,
): readonly string[] {
  const listeners = addresses.map(({ name, host, port }) => {
    const tls = config.listeners.find((listener) => listener.name === name)?.tls
    return `${name} ${url(tls, host, port)}`
  })
  return [...listeners, `admin ${url(config.admin.tls, config.admin.host, adminPort)}`]
}

function url(tls: unknown, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}`
}

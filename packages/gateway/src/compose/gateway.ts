import type { Logger } from 'pino'
import { type AdminCaller, wellKnown } from '../admin/index.ts'
import { VERSION } from '../cli/index.ts'
import type { Config } from '../config/index.ts'
import { type Authenticators, type Presented, refused } from '../identity/index.ts'
import { Quotas } from '../limits/index.ts'
import { nodeSha256 } from '../platform/index.ts'
import { PolicySet } from '../policy/index.ts'
import { AccessProxy, type AccessProxyOptions } from '../proxy/index.ts'
import { ReceiptService, Recorder } from '../recorder/index.ts'
import { readCertificate, readPem } from './certificates.ts'
import type { Machine } from './machine.ts'
import { openAdmin } from './open-admin.ts'
import { openContainment } from './open-containment.ts'
import { openIdentity } from './open-identity.ts'
import { type OpenLedger, openLedger } from './open-ledger.ts'
import { openQuotas } from './open-quotas.ts'
import { EPOCH } from './open-secrets.ts'
import { operationalLog } from './operational-log.ts'
import type { ReadConfig } from './read-config.ts'
import { readPolicies } from './read-policies.ts'

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
  /** Lets requests under way end, records the stop, publishes, and lets go of everything. */
  close(): Promise<void>
}

/** Opens everything from the ledger up; what was opened is closed again when the rest fails. */
export async function openGateway(read: ReadConfig, machine: Machine): Promise<Gateway> {
  const { config } = read
  const log = operationalLog(config.log.level)
  const policies = PolicySet.compile(await readPolicies(config.policies.directory))
  await using parts = new AsyncDisposableStack()

  const ledger = await openLedger(config, machine)
  parts.defer(() => ledger.close())
  ledger.keeper.onTrouble((reason, state) => {
    // `refused` is for ever: a person has to look before this ledger is written again.
    log[state === 'refused' ? 'fatal' : 'error']({ err: reason, state }, 'ledger')
  })
  const isNew = ledger.keeper.published?.size === 0
  const recorder = makeRecorder(config, machine, { ledger, log })
  const receipts = new ReceiptService({
    ...ledger,
    origin: ledger.signer.origin,
    epoch: EPOCH,
    endOf: (intent) => recorder.endOf(intent),
  })
  const answerOwn = wellKnown((request) => receipts.answer(request))
  const containment = await openContainment(config, machine, { recorder, log })
  parts.defer(() => containment.close())
  // The control plane opens first and closes last: it tells why nothing is served.
  let phase: 'starting' | 'serving' | 'stopping' = 'starting'
  const state = (): string => (phase === 'serving' ? ledger.keeper.state : phase)
  const answerWellKnown = answerOwn
  let authenticators: Authenticators | undefined
  const guard = {
    clock: machine.clock,
    recorder,
    roles: () => config.admin.roles,
    identify: (presented: Presented) =>
      authenticators?.chain().identify(presented) ?? refused('credentials-unverifiable'),
    barred: (caller: AdminCaller) =>
      containment.finds(caller) === undefined ? undefined : ('quarantined' as const),
  }
  const admin = await openAdmin(config, machine, { ledger, log, answerWellKnown, state, guard })
  parts.defer(() => admin.close())

  await recorder.start()
  parts.defer(() => recorder.stop('asked to stop'))
  const configurationSha256 = hexDigest(read.bytes)
  await recorder.act('config', { act: 'loaded', sha256: configurationSha256 })
  for (const facts of policies.records()) await recorder.act('policy', facts)
  for (const policy of policies.uncovered) log.warn(policy, 'policy-uncovered')

  const identity = await openIdentity(config, machine, { recorder, log })
  parts.defer(() => identity.close())
  authenticators = identity.authenticators
  const quotaStore = await openQuotas(config, machine)
  parts.defer(() => quotaStore.close())
  const { onUnavailable } = config.quotaStore
  const proxy = await AccessProxy.open({
    ...machine,
    ...(await proxyConfig(config)),
    recorder,
    containment,
    configurationSha256,
    answerOwn,
    authenticators,
    quotas: new Quotas({ config: config.quotas, store: quotaStore, onUnavailable }),
    policies,
    report: ({ event, exchange, cause }) => log.warn({ exchange, err: cause }, event),
  })
  parts.defer(() => proxy.close())

  const open = parts.move()
  phase = 'serving'
  return {
    origin: ledger.signer.origin,
    vkeys: ledger.signer.vkeys,
    isNew,
    addresses: addressesOf(config, proxy, admin.port),
    rollbackProtection: ledger.rollbackProtection,
    close: () => {
      phase = 'stopping'
      return open.disposeAsync()
    },
  }
}

function makeRecorder(
  config: Config,
  { clock, random }: Machine,
  { ledger, log }: { readonly ledger: OpenLedger; readonly log: Logger },
): Recorder {
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
    onFault: (fault) => log.error({ err: fault }, 'recorder'),
  })
}

/** What the proxy takes of the configuration, with the texts of the PEM files in it. */
async function proxyConfig(
  config: Config,
): Promise<Pick<AccessProxyOptions, 'limits' | 'routes' | 'listeners' | 'upstreams'>> {
  const listeners = config.listeners.map(async ({ tls, ...listener }) => {
    return { ...listener, tls: await readCertificate(tls) }
  })
  const upstreams = Object.entries(config.upstreams).map(async ([name, upstream]) => {
    const { authority, ...rest } = upstream
    return [name, authority === undefined ? rest : { ...rest, authority: await readPem(authority) }]
  })
  return {
    limits: config.limits,
    routes: config.routes,
    listeners: await Promise.all(listeners),
    upstreams: Object.fromEntries(await Promise.all(upstreams)),
  }
}

function addressesOf(config: Config, proxy: AccessProxy, adminPort: number): readonly string[] {
  const listeners = proxy.addresses.map(({ name, host, port }) => {
    const tls = config.listeners.find((listener) => listener.name === name)?.tls
    return `${name} ${url(tls, host, port)}`
  })
  return [...listeners, `admin ${url(config.admin.tls, config.admin.host, adminPort)}`]
}

function url(tls: unknown, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}`
}

function hexDigest(bytes: Uint8Array): string {
  return Buffer.from(nodeSha256.digest(bytes)).toString('hex')
}

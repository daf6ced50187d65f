// The gateway as the program composes it, on a simulated disk: real recorder, ledger, vault,
// policies, keys and sockets. The disk is where a test makes things go wrong.
import {
  type How,
  kindOfCode,
  type SectionId,
  sectionName,
  type Via,
  type What,
  type When,
  type Where,
  type Who,
  type Why,
} from '@countersign/evidence'
import { startRedaction } from '../../packages/gateway/src/compose/start-redaction.ts'
import { Containment, fileStore } from '../../packages/gateway/src/containment/index.ts'
import {
  type Authenticator,
  Authenticators,
  apiKeys,
  createKey,
  KeyStore,
  type Statements,
} from '../../packages/gateway/src/identity/index.ts'
import {
  LedgerKeeper,
  LocalIntegration,
  openLogKeys,
  openWal,
  SEGMENT_LIMITS,
} from '../../packages/gateway/src/ledger/index.ts'
import {
  DEFAULT_LIMITS,
  type Limits,
  type QuotaStore,
  Quotas,
  quotasSchema,
} from '../../packages/gateway/src/limits/index.ts'
import {
  type Disk,
  ed25519,
  MemoryClaims,
  memoryLock,
  mlDsa44,
  nodeSha256,
  SeededRandom,
  SimulatedDisk,
  systemClock,
  systemRandom,
} from '../../packages/gateway/src/platform/index.ts'
import { PolicySet } from '../../packages/gateway/src/policy/index.ts'
import {
  AccessProxy,
  type Certificate,
  type ListenerSettings,
  type ProxyEvent,
  routeSchema,
} from '../../packages/gateway/src/proxy/index.ts'
import { Recorder } from '../../packages/gateway/src/recorder/index.ts'
import { Metrics, type Traces } from '../../packages/gateway/src/telemetry/index.ts'
import { upstreamSchema } from '../../packages/gateway/src/upstream/index.ts'
import {
  BlockPacker,
  decodePayload,
  KeyRing,
  newKekText,
  parseKek,
  Vault,
} from '../../packages/gateway/src/vault/index.ts'

export const ORIGIN = 'proxy.example/log'
const DATA = '/data'

/** `what` of an exchange, of a fold or of a gap. */
type AnyWhat = What & { readonly act?: string; readonly reason?: string } & {
  readonly count?: number
  readonly unrecorded?: number
}

/** A record as its sections say it, whoever's key they are under; what it has not is undefined. */
export interface RecordView {
  readonly index: number
  readonly kind: string
  /** All sections as they were recorded. */
  readonly text: string
  readonly when: When
  readonly who: Who
  readonly where: Where
  readonly what: AnyWhat
  readonly why: Why
  readonly via: Via
  readonly how: How
}

/** Stops the write-ahead log's writes while it is closed: what is appended stays volatile. */
export class Gate {
  #opened: Promise<void> = Promise.resolve()
  #open: () => void = () => undefined

  close(): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#opened = promise
    this.#open = resolve
  }

  open(): void {
    this.#open()
  }

  /** The disk as it is, but for writes to segments, which wait for the gate. */
  before(disk: SimulatedDisk): Disk {
    const open: Disk['open'] = async (path, mode) => {
      const file = await disk.open(path, mode)
      if (!path.includes('/wal/')) return file
      const write: typeof file.write = async (offset, bytes) => {
        await this.#opened
        await file.write(offset, bytes)
      }
      return withMethod(file, 'write', write)
    }
    return withMethod(disk, 'open', open)
  }
}

function withMethod<T extends object, K extends keyof T>(target: T, name: K, method: T[K]): T {
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = key === name ? method : Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export interface TestGateway {
  readonly containment: Containment
  readonly gate: Gate
  readonly port: number
  readonly tlsPort: number
  readonly disk: SimulatedDisk
  readonly keys: { readonly ada: string; readonly ben: string; readonly old: string }
  readonly events: ProxyEvent[]
  /** What Prometheus would read. */
  metrics(): Promise<string>
  /** Every record so far, in order. */
  records(): Promise<readonly RecordView[]>
  /** Records of requests: intents, outcomes, refusals and folds, without the ledger's own story. */
  exchanges(): Promise<readonly RecordView[]>
  /** No API key is known any more. */
  readonly forgetKeys: () => void
  readonly replacePolicies: (text: string) => Promise<void>
  readonly replaceRoutes: (routes: readonly object[]) => Promise<void>
  /** Of the listener with TLS. */
  readonly replaceCertificate: (certificate: Certificate) => void
  readonly close: () => Promise<void>
}

export interface GatewayOptions {
  readonly upstream: string
  readonly routes?: readonly object[]
  readonly limits?: Partial<Limits>
  readonly policies?: string
  readonly quotas?: object
  readonly quotaStore?: QuotaStore
  readonly certificate?: Certificate
  readonly upstreamAuthority?: string
  /** Beside `upstream` and `nobody`. */
  readonly upstreams?: Readonly<Record<string, object>>
  /** Beside the API keys. */
  readonly authenticators?: readonly Authenticator[]
  /** Of the listener with TLS. */
  readonly externalUrl?: string
  /** What both listeners have beside. */
  readonly listener?: Partial<ListenerSettings>
  readonly statements?: Statements
  readonly tracing?: Traces
  readonly upstreamProtocol?: 'http/1.1' | 'h2' | 'auto'
  readonly tlsProtocols?: readonly ('h2' | 'http/1.1')[]
  /** Of the listener without TLS. */
  readonly protocols?: readonly ('h2' | 'http/1.1')[]
}

const POLICIES = `
@id("ada-may") permit (principal == User::"ada", action, resource);
@id("anybody-on-open") permit (principal, action, resource == Route::"open");
@id("no-deletes") forbid (principal, action == Action::"DELETE", resource);`

/** The machine that tests run on is busy with other tests. */
const CALM = { loopLagMs: 60_000, ledgerLagMs: 600_000 }

const clock = systemClock()
const random = systemRandom()

async function openRecording(disk: Disk) {
  const directory = `${DATA}/keys`
  await disk.makeDirectory(directory)
  const kek = parseKek(newKekText(random))
  const base = { disk, random, directory, origin: ORIGIN, kek }
  const vault = await Vault.open({ ...base, nowUs: clock.nowUs() })
  const keys = { ...base, clock, sha256: nodeSha256, epoch: 1, ed25519, mlDsa44 }
  const signer = await openLogKeys(keys)
  const epochDirectory = `${DATA}/1`
  const keeper = await LedgerKeeper.start({
    disk,
    clock,
    signer,
    sha256: nodeSha256,
    data: DATA,
    epoch: 1,
    lock: memoryLock(),
    claim: new MemoryClaims().claim,
    sealer: vault.sealer,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () =>
      new LocalIntegration({
        disk,
        directory: `${epochDirectory}/log`,
        sha256: nodeSha256,
        packer: new BlockPacker({
          disk,
          random,
          ring: new KeyRing(base),
          origin: ORIGIN,
          epochDirectory,
        }),
      }),
    publishEveryMs: 1000,
    limits: { ...SEGMENT_LIMITS, preallocateBytes: 65_536 },
    rollbackProtection: 'lock',
  })
  const recorder = new Recorder({
    keeper,
    vault,
    clock,
    random,
    epoch: 1,
    origin: ORIGIN,
    vkeys: signer.vkeys,
    gateway: 'test',
    version: '0',
    runtime: 'test',
    onFault: (fault) => console.error(fault),
  })
  await recorder.start()
  return { recorder, keeper, sealer: vault.sealer }
}

function makeKeys() {
  const making = { clock, random }
  const ada = createKey('', { principal: 'ada', groups: ['readers'], roles: ['staff'] }, making)
  const ben = createKey(ada.text, { principal: 'ben', kind: 'service' }, making)
  const old = createKey(ben.text, { principal: 'ada', expires: '2020-01-01T00:00:00Z' }, making)
  const tokens = { ada: ada.token, ben: ben.token, old: old.token }
  return { text: old.text, tokens }
}

export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const gate = new Gate()
  const { recorder, keeper, sealer } = await openRecording(gate.before(disk))
  const { text, tokens } = makeKeys()
  const keysFile = { text, tell: (): void => undefined }
  const source = {
    read: async () => keysFile.text,
    watch: (tell: () => void) => {
      keysFile.tell = tell
      return () => undefined
    },
  }
  const store = await KeyStore.open({ clock, source })
  const policyFiles = [{ name: 'test.cedar', text: options.policies ?? POLICIES }]
  const policies = PolicySet.compile(policyFiles)
  const events: ProxyEvent[] = []
  const metrics = new Metrics({
    version: 'test',
    ledger: () => ({ state: keeper.state, publishedSize: 0, lagEntries: keeper.size }),
    overdueReviews: () => 0,
  })
  const { certificate, upstreamAuthority } = options
  const at = { host: '127.0.0.1', port: 0, ...options.listener }
  const plain = { ...at, name: 'plain', protocols: options.protocols && [...options.protocols] }
  const measures = fileStore(disk, `${DATA}/state/containment.json`)
  const onFault = (fault: unknown): void => console.error(fault)
  const containment = await Containment.open({ clock, random, store: measures, recorder, onFault })
  const settings = {
    limits: {
      ...DEFAULT_LIMITS,
      ...WHOLE,
      stopMs: 2000,
      lastCallMs: 0,
      ...CALM,
      ...options.limits,
    },
    listeners: certificate
      ? [
          plain,
          {
            ...at,
            name: 'tls',
            tls: certificate,
            externalUrl: options.externalUrl,
            protocols: options.tlsProtocols && [...options.tlsProtocols],
          },
        ]
      : [plain],
    upstreams: {
      upstream: upstreamSchema.parse({
        url: options.upstream,
        authority: upstreamAuthority,
        protocol: options.upstreamProtocol,
      }),
      nobody: upstreamSchema.parse({ url: 'http://127.0.0.1:1' }),
      ...Object.fromEntries(
        Object.entries(options.upstreams ?? {}).map(([name, upstream]) => {
          return [name, upstreamSchema.parse(upstream)]
        }),
      ),
    },
    routes: (options.routes ?? ROUTES).map((route) => routeSchema.parse(route)),
    configurationSha256: 'c'.repeat(64),
    authenticators: new Authenticators([
      apiKeys(() => store.current),
      ...(options.authenticators ?? []),
    ]),
    statements: options.statements,
    policies,
    quotas: quotasOf(options),
  }
  const proxy = await AccessProxy.open({
    ...settings,
    clock,
    random,
    recorder,
    containment,
    answerOwn: async ({ url }) => new Response(`own ${new URL(url).pathname}`),
    report: (event) => events.push(event),
    startRedaction,
    telemetry: metrics,
    tracing: options.tracing,
  })
  const records = async (): Promise<readonly RecordView[]> => {
    const wal = await openWal({ disk: disk.observer(), directory: `${DATA}/state/wal`, sealer })
    const views: RecordView[] = []
    for await (const { index, payload } of wal.entries()) views.push(viewOf(index, payload))
    return views
  }
  return {
    containment,
    metrics: async () => (await metrics.render()).text,
    disk,
    gate,
    events,
    records,
    forgetKeys: () => {
      keysFile.text = ''
      keysFile.tell()
    },
    replacePolicies: async (next) => {
      const compiled = PolicySet.compile([{ name: 'test.cedar', text: next }])
      const change = await proxy.ready({ ...settings, policies: compiled })
      change.apply()
    },
    replaceRoutes: async (next) => {
      const replaced = next.map((route) => routeSchema.parse(route))
      const change = await proxy.ready({ ...settings, routes: replaced })
      change.apply()
    },
    replaceCertificate: (renewed) => proxy.replaceCertificate('tls', renewed),
    keys: tokens,
    port: proxy.addresses[0]?.port ?? 0,
    tlsPort: proxy.addresses[1]?.port ?? 0,
    exchanges: async () => (await records()).filter(({ kind }) => EXCHANGES.has(kind)),
    close: once(async () => {
      gate.open()
      await proxy.close()
      containment.close()
      store.close()
      await recorder.stop('test')
      await keeper.close()
    }),
  }
}

function quotasOf({ quotas, quotaStore: store }: GatewayOptions): Quotas | undefined {
  if (store === undefined) return undefined
  return new Quotas({
    config: quotasSchema.parse(quotas),
    store,
    onUnavailable: 'deny',
    exchangeMs: DEFAULT_LIMITS.exchangeMs,
  })
}

function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= run()
    return running
  }
}

/** Whoever tests one refusal wants to read it. */
const WHOLE = { refusalsPerSecondMax: 1000, refusalsWholeMax: 1000 }

const ROUTES = [
  { name: 'all', path: '/', upstream: 'upstream', headers: ['X-Shown', 'Cookie', 'X-Api-Key'] },
  { name: 'open', path: '/echo/open', upstream: 'upstream', authenticate: 'optional' },
  { name: 'dead', path: '/dead', upstream: 'nobody' },
  { name: 'named', path: '/', hosts: ['named.example'], upstream: 'upstream', methods: ['GET'] },
]
const EXCHANGES = new Set(['intent', 'outcome', 'refusal', 'fold', 'gap'])

function viewOf(index: number, payload: Uint8Array): RecordView {
  const decoded = decodePayload(payload)
  const sections = (decoded?.sections ?? []).map(({ id, bytes }) => {
    return { name: sectionName(id as SectionId), text: Buffer.from(bytes).toString('utf8') }
  })
  return {
    index,
    kind: kindOfCode(decoded?.kind ?? 0) ?? 'unknown',
    text: sections.map((section) => section.text).join('\n'),
    ...Object.fromEntries(sections.map((section) => [section.name, JSON.parse(section.text)])),
  } as RecordView
}

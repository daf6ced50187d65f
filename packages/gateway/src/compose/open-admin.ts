import type { Logger } from 'pino'
import {
  type AdminParts,
  type AdminServer,
  adminApp,
  type Configuring,
  type GuardParts,
  serveAdmin,
  type WellKnown,
} from '../admin/index.ts'
import type { Approvals, BreakGlass } from '../approval/index.ts'
import type { Containment } from '../containment/index.ts'
import { layoutOf } from '../ledger/index.ts'
import type { Machine } from './machine.ts'
import type { OpenLedger } from './open-ledger.ts'
import { EPOCH } from './open-secrets.ts'
import type { Prepared } from './prepare.ts'
import { consoleFile } from './program-files.ts'
import { readNamed } from './read-config.ts'

const PAGE_BYTES_MAX = 1_048_576

export interface AdminNeeds {
  readonly ledger: OpenLedger
  readonly log: Logger
  readonly answerWellKnown: WellKnown
  /** `open` when requests are served. */
  readonly state: () => string
  readonly guard: GuardParts
  readonly containment: Containment
  readonly approvals: Approvals
  readonly breakGlass: BreakGlass
  readonly configuring: Configuring
  readonly metrics: AdminParts['metrics']
  readonly upstreams: AdminParts['upstreams']
  readonly isConfigured: AdminParts['isConfigured']
  readonly volume: AdminParts['volume']
}

/** The control plane: console, public log, receipts, health. */
export async function openAdmin(
  { config, adminTls: tls, adminDescriptor: descriptor }: Prepared,
  { disk, clock }: Machine,
  { ledger, log, ...needs }: AdminNeeds,
): Promise<AdminServer> {
  const { admin, data } = config
  const consolePage = new TextDecoder().decode(await readNamed(consoleFile(), PAGE_BYTES_MAX))
  const app = adminApp(
    {
      ...needs,
      disk,
      nowUs: () => clock.nowUs(),
      consolePage,
      logDirectory: layoutOf(data, EPOCH).log,
      published: () => ledger.keeper.published,
    },
    (error) => log.error({ err: error }, 'admin'),
  )
  const { host, port } = admin
  return serveAdmin(app, { host, port, tls, descriptor })
}

// node bench/web.unrecorded.ts FILE: the data plane of a configuration, its identities, policies,
// quotas and all, with a recorder that remembers nothing. Only the benches compose this.

import { join } from 'node:path'
import { DataPlane } from '../packages/gateway/src/compose/data-plane.ts'
import { realMachine } from '../packages/gateway/src/compose/machine.ts'
import { openApprovals } from '../packages/gateway/src/compose/open-approvals.ts'
import { openContainment } from '../packages/gateway/src/compose/open-containment.ts'
import { operationalLog } from '../packages/gateway/src/compose/operational-log.ts'
import { prepare } from '../packages/gateway/src/compose/prepare.ts'
import { openStatementKeys } from '../packages/gateway/src/identity/index.ts'
import { tuneRuntime } from '../packages/gateway/src/platform/index.ts'
import type { Recorder } from '../packages/gateway/src/recorder/index.ts'
import { Metrics } from '../packages/gateway/src/telemetry/index.ts'
import { forgetful } from './web.forgetful.ts'

tuneRuntime()

const machine = realMachine()
const first = await prepare(process.argv[2] ?? '')
const { config } = first
const log = operationalLog('error')
// It has what the data plane asks of a recorder; the rest is for the ledger's own life.
const recorder = forgetful() as unknown as Recorder
const keys = { ...machine, directory: join(config.data, 'keys') }
await machine.disk.makeDirectory(keys.directory)
const statementKeys = await openStatementKeys(keys)
const containment = await openContainment(config, machine, { recorder, log })
const approving = await openApprovals(config, machine, { recorder, log, config: () => config })
await DataPlane.open(first, machine, {
  recorder,
  containment,
  approvals: approving.approvals,
  breakGlass: approving.breakGlass,
  answerOwn: async () => new Response(),
  origin: 'bench',
  statementKeys,
  log,
  tracing: undefined,
  isSpaceScarce: () => false,
  ledgerLagMs: () => 0,
  telemetry: new Metrics({
    version: 'bench',
    ledger: () => ({ state: 'open', publishedSize: 0, lagEntries: 0 }),
    overdueReviews: () => 0,
  }),
})

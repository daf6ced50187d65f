import { join } from 'node:path'
import type { DemoOptions } from '../cli/index.ts'
import { type DemoEnvironment, formatEnvironment, startApi, summary } from '../demo/index.ts'
import { type Disk, diskErrorCode } from '../platform/index.ts'
import { claimData } from './claim.ts'
import {
  CONFIG_FILE,
  type DemoTokens,
  ENVIRONMENT_FILE,
  writeDemoFiles,
  writeText,
} from './demo-files.ts'
import { seedHistory } from './demo-history.ts'
import { type Gateway, openGateway } from './gateway.ts'
import { realMachine } from './machine.ts'
import { prepare } from './prepare.ts'
import { programFile } from './program-files.ts'
import { settlePort } from './settle-port.ts'
import { stopSignal } from './stop-signal.ts'

const HOST = '127.0.0.1'

/** What `npm start` runs: everything that a first look needs, in one directory. */
export async function demo(options: DemoOptions): Promise<void> {
  const machine = realMachine()
  const { disk, clock } = machine
  const { data, terminal, json } = options
  const stop = stopSignal(clock)
  await using parts = new AsyncDisposableStack()
  const ownership = await claimData(machine, data)
  parts.defer(() => ownership.release())
  const environmentFile = join(data, ENVIRONMENT_FILE)
  // One that a killed demo left says where nobody listens any more.
  await removeIfThere(disk, environmentFile)

  const settle = (asked: number, option: string): Promise<number> =>
    settlePort({ host: HOST, port: asked, option, random: machine.random })
  const port = await settle(options.port, '--port')
  const adminPort = await settle(options.adminPort, '--admin-port')
  const upstreamPort = await settle(options.upstreamPort, '--upstream-port')
  const api = await startApi(programFile('demo/api'), upstreamPort)
  parts.defer(() => api.close())
  const tokens = await writeDemoFiles({
    ...machine,
    data,
    port,
    adminPort,
    upstreamPort,
  })
  const gateway = await openGateway(await prepare(join(data, CONFIG_FILE)), machine)
  parts.defer(() => gateway.close())

  const environment = environmentOf(gateway, { port, adminPort, upstreamPort }, tokens)
  if (gateway.isNew) await seedHistory(environment.GATEWAY, tokens)
  await writeText(disk, environmentFile, formatEnvironment(environment))
  parts.defer(() => removeIfThere(disk, environmentFile))
  const { ADA: _ada, BEN: _ben, OPS: _ops, ...open } = environment
  const text = json ? JSON.stringify(open) : summary(environment, { data, environmentFile })
  terminal.out(`${text}\n`)
  await stop
  terminal.err('Stopping: requests under way end, then the last checkpoint.\n')
}

interface Ports {
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
}

function environmentOf(
  gateway: Gateway,
  ports: Ports,
  { ADA, BEN, OPS }: DemoTokens,
): DemoEnvironment {
  const ADMIN = `http://localhost:${ports.adminPort}`
  return {
    GATEWAY: `http://${HOST}:${ports.port}`,
    ADMIN,
    UPSTREAM: `http://${HOST}:${ports.upstreamPort}`,
    ADA,
    BEN,
    OPS,
    VKEY: gateway.vkeys[0] ?? '',
    ORIGIN: gateway.origin,
    LOG: `${ADMIN}/log`,
    PID: String(process.pid),
  }
}

/** Somebody may have tidied up before us. */
async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
  }
}

import type { StartOptions } from '../cli/index.ts'
import { nodeDisk, systemClock } from '../platform/index.ts'
import { claimData } from './claim.ts'
import { openGateway } from './gateway.ts'
import { readConfig } from './read-config.ts'
import { stopSignal } from './stop-signal.ts'

/** Runs the gateway of a configuration file until it is told to stop. */
export async function start({ configPath, terminal, json }: StartOptions): Promise<void> {
  const read = await readConfig(configPath)
  const stop = stopSignal(systemClock())
  await using parts = new AsyncDisposableStack()
  const ownership = await claimData(nodeDisk(), read.config.data)
  parts.defer(() => ownership.release())
  const gateway = await openGateway(read)
  parts.defer(() => gateway.close())

  const { origin, vkeys, addresses } = gateway
  const text = [`serving ${origin}`, ...addresses.map((address) => `  ${address}`)].join('\n')
  terminal.out(`${json ? JSON.stringify({ origin, vkeys, addresses }) : text}\n`)
  await stop
  terminal.err('Stopping: requests under way end, then the last checkpoint.\n')
}

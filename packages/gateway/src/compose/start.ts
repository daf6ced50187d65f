import type { StartOptions } from '../cli/index.ts'
import { claimData } from './claim.ts'
import { type Gateway, openGateway } from './gateway.ts'
import { realMachine } from './machine.ts'
import { readConfig } from './read-config.ts'
import { stopSignal } from './stop-signal.ts'

/** Runs the gateway of a configuration file until it is told to stop. */
export async function start({ configPath, terminal, json }: StartOptions): Promise<void> {
  const read = await readConfig(configPath)
  const machine = realMachine()
  const stop = stopSignal(machine.clock)
  await using parts = new AsyncDisposableStack()
  const ownership = await claimData(machine.disk, read.config.data)
  parts.defer(() => ownership.release())
  const gateway = await openGateway(read, machine)
  parts.defer(() => gateway.close())

  const { origin, vkeys, addresses, rollbackProtection } = gateway
  const facts = { origin, vkeys, addresses, rollbackProtection }
  terminal.out(json ? `${JSON.stringify(facts)}\n` : describe(gateway))
  await stop
  terminal.err('Stopping: requests under way end, then the last checkpoint.\n')
}

function describe({ origin, addresses, rollbackProtection }: Gateway): string {
  const lines = [`serving ${origin}`, ...addresses.map((address) => `  ${address}`)]
  return `${lines.join('\n')}\nrollback protection: ${rollbackProtection}\n`
}

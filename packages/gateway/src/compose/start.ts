import type { StartOptions } from '../cli/index.ts'
import { claimData } from './claim.ts'
import { type Gateway, openGateway } from './gateway.ts'
import { realMachine } from './machine.ts'
import { prepare } from './prepare.ts'
import { readDescriptors, withDescriptors } from './process/descriptors.ts'
import { stopSignal } from './stop-signal.ts'

/** Runs the gateway of a configuration file until it is told to stop. */
export async function start({ configPath, terminal, json }: StartOptions): Promise<void> {
  const first = withDescriptors(await prepare(configPath), readDescriptors(process.env, process))
  const machine = realMachine()
  // A service has no terminal that could hang up: the signal means to read the files again.
  const stop = stopSignal(machine.clock, process, ['SIGINT', 'SIGTERM'])
  let gateway: Gateway | undefined
  process.on('SIGHUP', () => {
    gateway?.reload({ by: 'signal' }).catch((error: unknown) => {
      terminal.err(`countersign: reload failed: ${String(error)}\n`)
    })
  })
  await using parts = new AsyncDisposableStack()
  const ownership = await claimData(machine.disk, first.config.data)
  parts.defer(() => ownership.release())
  const open = await openGateway(first, machine)
  parts.defer(() => open.close())
  gateway = open

  const { origin, vkeys, addresses, rollbackProtection } = open
  const facts = { origin, vkeys, addresses, rollbackProtection }
  terminal.out(json ? `${JSON.stringify(facts)}\n` : describe(open))
  await stop
  terminal.err('Stopping: requests under way end, then the last checkpoint.\n')
}

function describe({ origin, addresses, rollbackProtection }: Gateway): string {
  const lines = [`serving ${origin}`, ...addresses.map((address) => `  ${address}`)]
  return `${lines.join('\n')}\nrollback protection: ${rollbackProtection}\n`
}

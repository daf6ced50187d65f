import type { StartOptions } from '../cli/index.ts'
import type { Clock } from '../platform/index.ts'
import { claimData } from './claim.ts'
import { type Gateway, openGateway } from './gateway.ts'
import { realMachine } from './machine.ts'
import { prepare } from './prepare.ts'
import { readDescriptors, withDescriptors } from './process/descriptors.ts'
import { giveSignsOfLife } from './process/liveness.ts'
import { isSupervised, type Notifier, notifierOf, PREPARED } from './process/notifier.ts'
import { stopSignal } from './stop-signal.ts'

/** Runs the gateway of a configuration file until it is told to stop. */
export async function start({ configPath, terminal, json, waitMs }: StartOptions): Promise<void> {
  const machine = realMachine()
  // A service has no terminal that could hang up: the signal means to read the files again.
  const stop = stopSignal(machine.clock, process, ['SIGINT', 'SIGTERM'])
  const notifier = notifierOf(process.env, process)
  let gateway: Gateway | undefined
  let isReloadAsked = false
  const reloadNow = (): void => {
    isReloadAsked = gateway === undefined
    if (gateway === undefined) return
    reload(gateway, notifier).catch((error: unknown) => {
      terminal.err(`countersign: reload failed: ${String(error)}\n`)
    })
  }
  process.on('SIGHUP', reloadNow)
  const descriptors = readDescriptors(process.env, process)
  const first = withDescriptors(await prepare(configPath), descriptors)
  await using parts = new AsyncDisposableStack()
  parts.defer(() => notifier.close())
  notifier.tell([PREPARED])
  const { clock } = machine
  let openingFromMs: number | undefined
  const openingMs = (): number => clock.ticksMs() - (openingFromMs ?? clock.ticksMs())
  const signs = signsOf(notifier, clock, () => gateway?.stalledMs() ?? openingMs())
  parts.defer(() => signs.stop())
  // A supervisor is watched on: a gateway that takes its time to begin or to end does not hang.
  const isWatchedOn = isSupervised(process.env)
  if (isWatchedOn) signs.begin()
  const claimed = claimData(machine, first.config.data, waitMs)
  const ownership = await Promise.race([claimed, stop])
  if (typeof ownership === 'string') return // Told to stop while somebody else has the data.
  parts.defer(() => ownership.release())
  openingFromMs = clock.ticksMs()
  const open = await openGateway(first, machine)
  parts.defer(() => open.close())
  gateway = open
  if (isReloadAsked) reloadNow()

  const { origin, vkeys, addresses, rollbackProtection } = open
  const facts = { origin, vkeys, addresses, rollbackProtection }
  terminal.out(json ? `${JSON.stringify(facts)}\n` : describe(open))
  notifier.tell(['READY=1', `STATUS=serving ${origin}`])
  if (!isWatchedOn) signs.begin()
  await Promise.race([stop, supervisorGone()])
  // From then on systemd goes by the time that a stop may take.
  if (!isWatchedOn) signs.stop()
  notifier.tell(['STOPPING=1', 'STATUS=requests under way end'])
  terminal.err('Stopping: requests under way end, then the last checkpoint.\n')
}

/** Signs of life, where somebody waits for them. */
function signsOf(
  notifier: Notifier,
  clock: Clock,
  stalledMs: () => number,
): { begin(): void; stop(): void } {
  const { watchdogMs } = notifier
  const tell = (): void => notifier.tell(['WATCHDOG=1'])
  let signs: { stop(): void } | undefined
  return {
    begin: () => {
      if (watchdogMs !== undefined) signs = giveSignsOfLife({ clock, watchdogMs, stalledMs, tell })
    },
    stop: () => signs?.stop(),
  }
}

/** Told around it, so that nobody takes a gateway that reads its files for one that is idle. */
async function reload(gateway: Gateway, notifier: Notifier): Promise<void> {
  const nowUs = process.hrtime.bigint() / 1000n
  notifier.tell(['RELOADING=1', `MONOTONIC_USEC=${nowUs}`])
  try {
    await gateway.reload({ by: 'signal' })
  } finally {
    notifier.tell(['READY=1'])
  }
}

/** A gateway whose supervisor is gone would keep its data directory from the next one. */
function supervisorGone(): Promise<void> {
  if (!isSupervised(process.env)) return new Promise(() => undefined)
  return new Promise((resolve) => void process.once('disconnect', resolve))
}

function describe({ origin, addresses, rollbackProtection }: Gateway): string {
  const lines = [`serving ${origin}`, ...addresses.map((address) => `  ${address}`)]
  return `${lines.join('\n')}\nrollback protection: ${rollbackProtection}\n`
}

import { spawn } from 'node:child_process'

/** What sd_notify(3) takes: assignments, all of one moment. */
export type Told = readonly [string, ...string[]]

/** Whoever started us and wants to know how we are. */
export interface Notifier {
  tell(told: Told): void
  /** Within what time a sign of life is expected; undefined: none is. */
  readonly watchdogMs: number | undefined
  /** Resolves when the last word has gone out. */
  close(): Promise<void>
}

/** What a gateway says to its supervisor when only the data directory is missing. */
export const PREPARED = 'COUNTERSIGN_PREPARED=1'
/** Set for a gateway by its supervisor, which listens on the channel between them. */
const SUPERVISED = 'COUNTERSIGN_SUPERVISED'

type Environment = Readonly<Record<string, string | undefined>>

/** The process, as far as it matters here. */
export interface Speaking {
  readonly pid: number
  readonly connected?: boolean
  send?(message: unknown): unknown
  disconnect?(): void
}

export function notifierOf(environment: Environment, speaking: Speaking): Notifier {
  const watchdogMs = watchdogOf(environment, speaking)
  if (isSupervised(environment)) return toSupervisor(speaking, watchdogMs)
  if (environment.NOTIFY_SOCKET === undefined) return { ...SILENT, watchdogMs: undefined }
  return toSystemd(watchdogMs)
}

export function isSupervised(environment: Environment): boolean {
  return environment[SUPERVISED] === '1'
}

const SILENT: Omit<Notifier, 'watchdogMs'> = {
  tell: () => undefined,
  close: async () => undefined,
}

/** WATCHDOG_USEC is for the process WATCHDOG_PID; a supervisor passes it on without that. */
function watchdogOf(
  { WATCHDOG_USEC, WATCHDOG_PID }: Environment,
  { pid }: Speaking,
): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined
  if (WATCHDOG_USEC === undefined || !/^[1-9]\d{0,15}$/.test(WATCHDOG_USEC)) return undefined
  return Number(WATCHDOG_USEC) / 1000
}

/** The environment of a gateway whose supervisor speaks to systemd for it. */
export function supervisedEnvironment(environment: Environment): Record<string, string> {
  const { NOTIFY_SOCKET: _socket, WATCHDOG_PID: _pid, LISTEN_PID: _ours, ...rest } = environment
  const kept = Object.entries(rest).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined
  })
  return { ...Object.fromEntries(kept), [SUPERVISED]: '1' }
}

function toSupervisor(speaking: Speaking, watchdogMs: number | undefined): Notifier {
  const tell = (told: Told): void => {
    if (speaking.connected === true) speaking.send?.({ told })
  }
  // An open channel would keep a process alive that has nothing left to do.
  const close = async (): Promise<void> => {
    if (speaking.connected === true) speaking.disconnect?.()
  }
  return { tell, watchdogMs, close }
}

/**
 * Node.js has no datagram sockets of AF_UNIX: systemd's own program sends what is said. One at a
 * time, so that nothing overtakes; signs of life that wait for their turn are one.
 */
function toSystemd(watchdogMs: number | undefined): Notifier {
  const waiting: Told[] = []
  let sending: Promise<void> | undefined
  const drain = async (): Promise<void> => {
    for (let told = waiting.shift(); told !== undefined; told = waiting.shift()) await notify(told)
    sending = undefined
  }
  return {
    watchdogMs,
    tell: (told) => {
      if (waiting.at(-1)?.join() === told.join()) return
      waiting.push(told)
      sending ??= drain()
    },
    close: async () => sending,
  }
}

/** Whoever cannot be told is not told: the service goes on, and systemd draws its conclusions. */
function notify(told: Told): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', [...told], { stdio: ['ignore', 'ignore', 'inherit'] })
    child.on('error', () => resolve())
    child.on('exit', () => resolve())
  })
}

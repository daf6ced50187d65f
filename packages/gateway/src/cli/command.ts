import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { Config } from '../config/index.ts'
import type { Clock, Disk, Random } from '../platform/index.ts'
import type { PolicyFile } from '../policy/index.ts'

/** 0: done, or it holds. 1: checked, and it does not hold. 2: could not be done or decided. */
export type Exit = 0 | 1 | 2

/** Where a command talks: facts on standard output, everything else on standard error. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  readonly columns: number
  /** A person is watching standard error: progress may be drawn over. */
  readonly interactive: boolean
  style(format: TextStyle, text: string): string
}

export type TextStyle = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

/** What commands may touch. Tests hand in their own; `main.ts` hands in the machine. */
export interface CliContext {
  readonly terminal: Terminal
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly fetch: typeof fetch
  readonly services: Services
  /** Says how the command ended; the last word counts, and silence means 0. */
  finish(exit: Exit): void
}

/** What needs more of the machine. Loaded on demand: `verify` needs no gateway in memory. */
export interface Services {
  /** Reads and checks a configuration file; a link is followed, since a person named it. */
  readConfig(path: string): Promise<Config>
  /** Every `*.cedar` file of a directory, by name. */
  readPolicies(directory: string): Promise<readonly PolicyFile[]>
  /** Runs until it is told to stop. */
  start(options: StartOptions): Promise<void>
  /** Runs a gateway in a process of its own, and holds its sockets; resolves with its exit code. */
  supervise(options: SuperviseOptions): Promise<number>
  demo(options: DemoOptions): Promise<void>
  /** Looks at everything that a configuration needs, and changes nothing that stays. */
  examine(configPath: string): AsyncIterable<Finding>
  /** Makes things go wrong for a scratch copy; what was configured is only read. */
  drill(options: DrillOptions): AsyncIterable<DrillEvent>
}

export interface DrillOptions {
  readonly configPath: string
  /** For an answer, and for a route to come back. */
  readonly patienceMs: number
  /** What a write of a slow disk takes longer. */
  readonly slowMs: number
}

/** What a drill tells, as it goes. */
export type DrillEvent =
  | { readonly kind: 'begins'; readonly scenario: string; readonly says: string }
  | { readonly kind: 'ended'; readonly scenario: string; readonly routes: readonly DrillRoute[] }
  | { readonly kind: 'verified'; readonly ok: boolean; readonly entries: number }

/** What one route did while something was wrong. */
export interface DrillRoute {
  readonly route: string
  /** Undefined: no answer came while somebody waited. */
  readonly status: number | undefined
  readonly reason: string | undefined
  readonly recorded: 'whole' | 'counted' | 'no' | 'later' | 'open'
  readonly tookMs: number
  /** After the fault was over; 0: it was served all the time. Undefined: not in time. */
  readonly backMs: number | undefined
}

/** One thing that was looked at. */
export interface Finding {
  /** What it is about, as in `certificate` or `disk`. */
  readonly topic: string
  /** Which one, as in `listener main`. */
  readonly subject: string
  readonly state: 'ok' | 'warning' | 'failure'
  readonly says: string
  /** What to do about it. */
  readonly advice?: string
}

export interface StartOptions {
  readonly configPath: string
  readonly terminal: Terminal
  readonly json: boolean
  /** How long a data directory is waited for that another gateway has. */
  readonly waitMs: number
}

export interface SuperviseOptions {
  readonly configPath: string
  readonly terminal: Terminal
  readonly json: boolean
}

export interface DemoOptions {
  readonly data: string
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
  readonly terminal: Terminal
  readonly json: boolean
}

/** Every file of this room that is a command exports one of these. */
export type MakeCommand = (context: CliContext) => Command

/** An end that the person at the terminal can do something about. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exit: Exit

  constructor(exit: Exit, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exit = exit
  }
}

export function dataOption(): Option {
  return new Option('--data <dir>', 'the data directory').default('./data')
}

export function epochOption(): Option {
  return new Option('--epoch <number>', 'the epoch to read (default: the newest)').argParser(
    (text) => parseWhole(text, 1, Number.MAX_SAFE_INTEGER),
  )
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON object instead of text')
}

export function portOption(flags: string, description: string, port: number): Option {
  return new Option(flags, `${description} (0: any free port)`)
    .default(port)
    .argParser((text) => parseWhole(text, 0, 65_535))
}

/** Reads a canonical decimal: no sign, no leading zero, nothing around it. */
export function parseWhole(text: string, min: number, max: number): number {
  const value = /^(0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
}

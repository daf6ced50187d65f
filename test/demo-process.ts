// A demo as `npm start` runs it, in a data directory of its own and on free ports.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
/** However busy the machine is. */
const START_MS_MAX = 60_000

export interface Demo {
  readonly process: ChildProcess
  readonly data: string
  /** What `demo.env` says. */
  readonly env: Readonly<Record<string, string>>
  /** Everything that was printed so far, on both outputs. */
  readonly printed: () => string
  /** Sends a signal and waits for the end: its exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

export interface DemoArguments {
  readonly data: string
  readonly more?: readonly string[]
  /** What is run: this checkout's `main.ts` unless told otherwise. */
  readonly command?: readonly [string, ...string[]]
  readonly environment?: Readonly<NodeJS.ProcessEnv>
}

const PORTS = ['--port', '0', '--admin-port', '0', '--upstream-port', '0']
const MAIN = npmStart()

/** What `npm start` runs, setting and flags included: a part of what is promised and measured. */
function npmStart(): readonly [string, ...string[]] {
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  const { scripts } = JSON.parse(manifest) as { readonly scripts: { readonly start: string } }
  const [, setting = '', flags = '', main] =
    /^exec env (\S+) node (.*?)(\S+\.ts) demo$/.exec(scripts.start) ?? []
  if (main === undefined) throw new Error(`npm start is ${scripts.start}`)
  const given = flags.split(' ').filter((flag) => flag !== '')
  return ['env', setting, process.execPath, ...given, join(root, main)]
}

/** Starts a demo and waits until it says that every listener answers. */
export async function startDemo(args: DemoArguments): Promise<Demo> {
  const [command, ...first] = args.command ?? MAIN
  const { data, more = PORTS } = args
  // A demo that was killed left its own: wait for the new one.
  rmSync(join(data, 'demo.env'), { force: true })
  const child = spawn(command, [...first, 'demo', '--data', data, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: args.environment ?? process.env,
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    text += String(chunk)
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1))
  })
  await waitFor(() => existsSync(join(data, 'demo.env')) || child.exitCode !== null)
  if (child.exitCode !== null) throw new Error(`demo ended with ${child.exitCode}: ${text}`)
  return {
    process: child,
    data,
    env: parseEnvironment(readFileSync(join(data, 'demo.env'), 'utf8')),
    printed: () => text,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

export interface Ended {
  readonly exit: number | null
  readonly out: string
  readonly err: string
}

/** Starts any command line in a process of its own. */
export function startCommand(args: readonly string[]): {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
} {
  const [command, ...first] = MAIN
  const child = spawn(command, [...first, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    said.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    said.err += String(chunk)
  })
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (exit) => resolve({ exit, ...said }))
  })
  return { child, ended }
}

/** Runs a command to its end; for starts that must fail. */
export function runToEnd(args: readonly string[]): Promise<Ended> {
  return startCommand(args).ended
}

/** `told`: what is said with it when it never comes. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  msMax: number = START_MS_MAX,
  told: () => unknown = () => '',
): Promise<void> {
  const until = performance.now() + msMax
  while (!(await condition())) {
    if (performance.now() > until) {
      throw new Error(`waited ${msMax} ms for ${String(condition)} ${String(await told())}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The process that this one has started first, of those that are there still. */
export function oldestChild({ pid }: ChildProcess): number {
  const [oldest] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return Number(oldest)
}

/** As a shell reads it: NAME='value', nothing else. */
function parseEnvironment(text: string): Record<string, string> {
  const lines = text.trimEnd().split('\n')
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([A-Z]+)='([^']*)'$/.exec(line) ?? []
      if (name === undefined || value === undefined) throw new Error(`no assignment: ${line}`)
      return [name, value]
    }),
  )
}

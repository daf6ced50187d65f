import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

/** The calls that change what is on a disk, or let go of it. */
export const SYSTEM_CALLS = [
  'openat',
  'write',
  'pwrite64',
  'fdatasync',
  'fsync',
  'rename',
  'link',
  'unlink',
  'mkdir',
  'close',
] as const
export type SystemCall = (typeof SYSTEM_CALLS)[number]
export type Injection = 'error=EIO' | 'signal=KILL'

/** Most of a writer's life is reading its own program: once is enough. */
const COMPILED = join(tmpdir(), 'system-calls-compiled')
/** In one file, because each start of it is traced: a search for modules would be most of that. */
const WRITER = await bundledWriter()
const CALL = /^(\d+)\s+([a-z0-9]+)\(/

async function bundledWriter(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'system-calls-writer-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const outfile = join(directory, 'writer.mjs')
  const writer = join(import.meta.dirname, 'writer.ts')
  const form = { bundle: true, format: 'esm', platform: 'node', target: 'node24' } as const
  await build({ ...form, entryPoints: [writer], outfile, logLevel: 'warning' })
  return outfile
}

/** One run of the writer under strace. */
export interface Traced {
  readonly stdout: string
  readonly lines: readonly string[]
}

export interface TraceOptions {
  /** The directory of the run; emptied before. */
  readonly home: string
  /** Only calls on these files count; all, when not given. */
  readonly paths?: readonly string[]
  readonly inject?: { readonly call: SystemCall; readonly nth: number; readonly how: Injection }
}

/** Runs the writer with one thread for all its files, so that calls can be counted. */
export async function traceWriter({ home, paths = [], inject }: TraceOptions): Promise<Traced> {
  rmSync(home, { recursive: true, force: true })
  const output = `${home}.strace`
  // The filter makes strace fast, but with it a signal is never delivered.
  const filter = inject?.how === 'signal=KILL' ? [] : ['--seccomp-bpf']
  const { call, how, nth } = inject ?? {}
  const injecting = inject === undefined ? [] : ['-e', `inject=${call}:${how}:when=${nth}`]
  const chosen = paths.flatMap((path) => ['-P', path])
  const tracing = ['-f', '-qq', '-y', '-o', output, '-e', `trace=${SYSTEM_CALLS.join()}`]
  const program = [process.execPath, WRITER, home]
  const stdout = await run('strace', [...filter, ...tracing, ...injecting, ...chosen, ...program])
  const lines = readFileSync(output, 'utf8').split('\n')
  rmSync(output)
  return { stdout, lines }
}

/** How often each thread made each call. */
export function countCalls({
  lines,
}: Traced): ReadonlyMap<SystemCall, ReadonlyMap<string, number>> {
  const counts = new Map<SystemCall, Map<string, number>>()
  for (const line of lines) {
    const [, thread = '', name] = CALL.exec(line) ?? []
    const call = SYSTEM_CALLS.find((each) => each === name)
    if (call === undefined) continue
    const threads = counts.get(call) ?? new Map<string, number>()
    threads.set(thread, (threads.get(thread) ?? 0) + 1)
    counts.set(call, threads)
  }
  return counts
}

/** The files below a directory that a run touched, as -y names them. */
export function pathsBelow(home: string, { lines }: Traced): readonly string[] {
  const found = new Set<string>()
  for (const line of lines) {
    for (const [, path = ''] of line.matchAll(/["<](\/[^">]*)[">]/g)) {
      if (path.startsWith(`${home}/`)) found.add(path)
    }
  }
  return [...found].sort()
}

/** Whether the trace shows that the injection took place. */
export function wasInjected({ lines }: Traced, how: Injection): boolean {
  const sign = how === 'error=EIO' ? '(INJECTED)' : '+++ killed by SIGKILL +++'
  return lines.some((line) => line.includes(sign))
}

function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_COMPILE_CACHE: COMPILED },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let stdout = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    stdout += text
  })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', () => done(stdout))
  })
}

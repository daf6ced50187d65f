// What the benches of whole proxies share: wrk on one core, the subject on the other, CPU of a
// process by /proc.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

export const CONNECTIONS = 64
export const [SUBJECT_CORE, OTHER_CORE] = ['0', '1']
/** Before and after what is measured. */
const LEAD_SECONDS = 2
const PAUSE_MS = 2_000
/** Clock ticks of a second in /proc/PID/stat, on every Linux there is. */
const TICKS_PER_SECOND = 100

export interface Measured {
  readonly requestsPerSecond: number
  readonly cpuUsPerRequest: number
}

/** What wrk is to do: the script is from `writeLoad`. */
export interface WebLoad {
  readonly url: string
  readonly script: string
}

/** Throws an error that names the Debian packages of what is missing. */
export function need(programs: Readonly<Record<string, string>>): void {
  const missing = Object.keys(programs).filter(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0,
  )
  if (missing.length === 0) return
  const packages = missing.map((program) => programs[program]).join(' ')
  throw new Error(`missing: ${missing.join(', ')}; apt-get install ${packages}`)
}

export function startPinned(
  core: string,
  command: readonly string[],
  directory: string,
): ChildProcess {
  const out = openSync(join(directory, 'output'), 'a')
  try {
    return spawn('taskset', ['-c', core, ...command], { stdio: ['ignore', out, out] })
  } finally {
    closeSync(out)
  }
}

export async function stopNow(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** A script for wrk: one request for each credential, chosen by Zipf's law or evenly. */
export function writeLoad(
  file: string,
  credentials: readonly string[],
  options: { readonly path: string; readonly isEven?: boolean },
): string {
  writeFileSync(`${file}.credentials`, `${credentials.join('\n')}\n`)
  writeFileSync(
    file,
    `local requests, sums, total, at = {}, {}, 0, 0
init = function()
  for token in io.lines("${file}.credentials") do
    at = at + 1
    total = total + ${options.isEven === true ? '1' : '1 / at'}
    sums[at] = total
    requests[at] = wrk.format("GET", "${options.path}", { authorization = "Bearer " .. token })
  end
  math.randomseed(7)
end
request = function()
  local wanted, low, high = math.random() * total, 1, at
  while low < high do
    local middle = math.floor((low + high) / 2)
    if sums[middle] < wanted then low = middle + 1 else high = middle end
  end
  return requests[low]
end
`,
  )
  return file
}

/**
 * What is asked goes on when the last answer is there: a ledger integrates what it recorded up to
 * two seconds later. So a subject is asked a while before it is measured, which brings it as much
 * work of before as it leaves behind, and afterwards it has time to end it before the next one.
 */
export async function measure(
  subject: ChildProcess,
  load: WebLoad,
  seconds: number,
): Promise<Measured> {
  await runLoad(load, LEAD_SECONDS)
  const before = cpuUs(subject)
  const requests = await runLoad(load, seconds)
  const after = cpuUs(subject)
  await setTimeout(PAUSE_MS)
  return {
    requestsPerSecond: Math.round(requests / seconds),
    cpuUsPerRequest: rounded((after - before) / requests),
  }
}

/** Requests that were answered with 200; any other answer fails the bench. */
export async function runLoad({ url, script }: WebLoad, seconds: number): Promise<number> {
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script]
  const wrk = spawn('taskset', ['-c', OTHER_CORE, 'wrk', ...options, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const text = Buffer.concat(await wrk.stdout.toArray()).toString()
  const wrong = /(Non-2xx or 3xx responses|Socket errors).*/.exec(text)
  if (wrong !== null) throw new Error(`${script}: ${wrong[0]}`)
  return Number(/(\d+) requests in/.exec(text)?.[1] ?? 0)
}

/** CPU that a process has used in all its threads, microseconds. */
export function cpuUs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user = '0', system = '0'] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return ((Number(user) + Number(system)) * 1_000_000) / TICKS_PER_SECOND
}

/** Resolves when a request to it is answered, with anything; else shows what it printed. */
export async function answers(port: number, directory: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const check = spawnSync('curl', ['-sko', '/dev/null', '-m', '1', `http://127.0.0.1:${port}/`])
    const isTls = check.status === 52 || check.status === 56 || check.status === 1
    if (check.status === 0 || isTls) return
    await setTimeout(100)
  }
  throw new Error(`nothing answers: ${readFileSync(join(directory, 'output'), 'utf8')}`)
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** The round in the middle by CPU a request. */
export function median(rounds: readonly Measured[]): Measured {
  const sorted = rounds.toSorted((one, other) => one.cpuUsPerRequest - other.cpuUsPerRequest)
  return sorted[Math.floor(sorted.length / 2)] ?? { requestsPerSecond: 0, cpuUsPerRequest: 0 }
}

export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

// A gateway as systemd runs it: its sockets come from systemd's own program, and what it says goes
// to a socket like systemd's, by systemd's own program.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../demo-process.ts'
import { freePort } from '../free-port.ts'

export const MAIN = join(import.meta.dirname, '../../packages/gateway/src/main.ts')

export interface Scratch {
  readonly directory: string
  readonly config: string
  /** Free a moment ago. */
  readonly ports: readonly [number, number]
  readonly close: () => Promise<void>
}

/** A configuration without an upstream that answers; listeners `main` and `admin`. */
export async function scratchConfig({ workers = 1, limits = '' } = {}): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-systemd-'))
  const ports = [await freePort(), await freePort()] as const
  const config = join(directory, 'countersign.yaml')
  await mkdir(join(directory, 'policies'))
  await mkdir(join(directory, 'data'))
  await writeFile(join(directory, 'policies/a.cedar'), 'permit (principal, action, resource);')
  await writeFile(join(directory, 'api-keys.yaml'), 'version: 1\nkeys: []\n', { mode: 0o600 })
  await writeFile(
    config,
    `version: 1
workers: ${workers}
data: data
limits: { ${limits} }
log: { level: error }
listeners:
  - { name: main, host: 127.0.0.1, port: ${ports[0]} }
admin: { host: 127.0.0.1, port: ${ports[1]} }
identity: { keysFile: api-keys.yaml }
policies: { directory: policies }
upstreams: { orders: { url: "http://127.0.0.1:9" } }
routes:
  - { name: orders, path: /orders, upstream: orders }
`,
  )
  return { directory, config, ports, close: () => rm(directory, { recursive: true }) }
}

export interface Ran {
  readonly process: ChildProcess
  readonly said: () => string
  readonly ended: Promise<number | string>
}

export function runIt(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Ran {
  const child = spawn(command, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      text += String(chunk)
    })
  }
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? -1))
  })
  return { process: child, said: () => text, ended }
}

/** What systemd does with its socket: takes what comes, and lets go of what came along. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(65536).decode().replace("\\n", " "), flush=True)
`

export interface Manager {
  readonly environment: Readonly<Record<string, string>>
  /** Every message so far, its lines joined by spaces. */
  readonly heard: () => readonly string[]
  readonly close: () => void
}

export async function startManager({ directory }: Scratch): Promise<Manager> {
  const socket = join(directory, 'notify.sock')
  const { process: child, said } = runIt('python3', ['-c', RECEIVER, socket])
  await waitFor(() => said().startsWith('bound\n'))
  return {
    environment: { NOTIFY_SOCKET: socket },
    // The barrier is how its program waits for systemd; nobody has said it.
    heard: () => {
      const lines = said().split('\n').slice(1, -1)
      return lines.filter((line) => line !== 'BARRIER=1')
    },
    close: () => void child.kill('SIGKILL'),
  }
}

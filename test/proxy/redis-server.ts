import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../free-port.ts'
import { need } from '../needs.ts'

export function withoutRedis(): false | string {
  const install = 'apt-get install redis-server'
  return need('redis-server', { command: 'redis-server', install })
}

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Ends the process; what it counted is gone. */
  stop(): Promise<void>
  /** Stops it in its tracks: connections stay, nothing answers. */
  freeze(): void
  thaw(): void
}

/** A real redis-server of its own, on a free port; `more` are its options, for that port. */
export async function startRedis(
  port?: number,
  more: (port: string) => readonly string[] = (at) => ['--port', at],
): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-redis-'))
  const at = port ?? (await freePort())
  const own = ['--bind', '127.0.0.1', '--save', '', '--dir', directory]
  const options = [...more(String(at)), ...own]
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString('latin1')
  })
  for (let tries = 0; !said.includes('Ready to accept connections'); tries += 1) {
    if (tries > 2400 || child.exitCode !== null) throw new Error(`redis-server: ${said}`)
    await sleep(25)
  }
  return {
    port: at,
    url: `redis://127.0.0.1:${at}`,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  }
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What the upstream's process says has reached it. */
export interface Received {
  readonly count: number
  readonly ids: readonly string[]
  readonly aborted: number
  readonly bytes: number
}

export interface UpstreamProcess {
  readonly url: string
  received(): Promise<Received>
  close(): Promise<void>
}

export async function startUpstream(): Promise<UpstreamProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'upstream-process.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const url = `http://127.0.0.1:${Number(String(line))}`
  return {
    url,
    received: async () => (await (await fetch(`${url}/__received`)).json()) as Received,
    close: async () => {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

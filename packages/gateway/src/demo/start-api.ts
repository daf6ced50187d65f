import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { DemoError } from './demo-error.ts'

/** The demo API, running as a child that cannot outlive us. */
export interface DemoApi {
  readonly port: number
  readonly pid: number
  /** Resolves when it is gone, whoever made it go. */
  readonly gone: Promise<void>
  close(): Promise<void>
}

/** Starts the file `api.ts` (or what it was built into) on a port; 0 takes any free one. */
export async function startApi(file: string, port: number): Promise<DemoApi> {
  const child = spawn(process.execPath, [file, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const failed = new Promise<string>((resolve) => {
    child.once('error', ({ message }) => resolve(JSON.stringify({ error: message })))
    child.once('exit', () => resolve(JSON.stringify({ error: 'it ended at once' })))
  })
  const said = firstLine(createInterface({ input: child.stdout }))
  const line = JSON.parse(await Promise.race([said, failed])) as { port: number; error?: string }
  if (line.error !== undefined) {
    child.stdin.destroy()
    throw new DemoError('DEMO_API', `the demo API cannot listen on port ${port}: ${line.error}`)
  }
  const close = (): Promise<void> => {
    child.stdin.end()
    return gone
  }
  return { port: line.port, pid: child.pid ?? 0, gone, close }
}

async function firstLine(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) return line
  return new Promise(() => undefined)
}

import { styleText } from 'node:util'
import type { CliContext, Services, Terminal } from '../cli/index.ts'
import { nodeDisk } from '../platform/index.ts'
import { realMachine } from './machine.ts'

/** This machine, as the command line may know it. */
export function cliMachine(): Omit<CliContext, 'finish'> {
  // A command answers nobody while it reads.
  const disk = nodeDisk({ shortCalls: 'in place' })
  return { ...realMachine(), disk, terminal: terminal(), fetch, services }
}

// Loaded when they are asked for: `verify` starts without a proxy, a policy engine and a server.
const services: Services = {
  readConfig: async (path) => (await (await import('./read-config.ts')).readConfig(path)).config,
  readPolicies: async (path) => (await import('./read-policies.ts')).readPolicies(path),
  start: async (options) => (await import('./start.ts')).start(options),
  supervise: async (options) => (await import('./process/supervise.ts')).supervise(options),
  demo: async (options) => (await import('./demo.ts')).demo(options),
  examine: async function* (path) {
    yield* (await import('./doctor/examine.ts')).examine(path, realMachine())
  },
  drill: async function* (options) {
    yield* (await import('./drill/drill.ts')).drill(options)
  },
}

function terminal(): Terminal {
  // A reader that has seen enough (`| head`) ends us quietly, as it ends every other tool.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    process.exit(code === 'EPIPE' ? 0 : 2)
  })
  // Whoever reads the log may be gone: what serves goes on.
  process.stderr.on('error', () => undefined)
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    columns: process.stdout.columns ?? (Number(process.env.COLUMNS) || 80),
    interactive: process.stderr.isTTY === true,
    style: (format, text) => styleText(format, text, { stream: process.stdout }),
  }
}

// The command line's entry. With `compose/` and the worker entry, the only code that meets the real
// clock, disk, network and process; everything else is given them.
import { runCli } from './cli/index.ts'
import { cliMachine } from './compose/cli-machine.ts'
import { tuneRuntime } from './platform/index.ts'

/** What still runs this long after the last word (a socket, a timer) is left behind. */
const LINGER_MS_MAX = 2000

// A bug of ours must not look like an answer: 1 says "tampered" to whoever asked `verify`.
process.on('uncaughtException', (error) => {
  process.stderr.write(`countersign: internal error: ${error.stack ?? error.message}\n`)
  process.exit(2)
})

// The runtime's own answer opens the inspector, keys and all, to whoever is on this machine.
process.on('SIGUSR1', () => undefined)

tuneRuntime()
process.exitCode = await runCli(process.argv.slice(2), cliMachine())
setTimeout(() => process.exit(), LINGER_MS_MAX).unref()

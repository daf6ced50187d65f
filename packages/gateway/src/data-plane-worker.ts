// The third composition root: a process that serves requests for the gateway that started it.
import { Socket } from 'node:net'
import { realMachine } from './compose/machine.ts'
import { socketPipe } from './compose/workers/socket-pipe.ts'
import { WorkerProgram } from './compose/workers/worker-program.ts'
import { tuneRuntime } from './platform/index.ts'

const READ_BYTES = 65_536
/** How long what was said last has to arrive. */
const LEAVE_MS = 1000

tuneRuntime()
// What ends the gateway goes to all of its processes: it lets each of its workers finish. SIGUSR1
// would open the inspector, to whoever is on this machine.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => undefined)
}
// Whoever reads the log may be gone: the gateway is not.
process.stderr.on('error', () => undefined)
process.on('uncaughtException', (error) => {
  process.stderr.write(`countersign: worker: internal error: ${error.stack ?? error.message}\n`)
  process.exit(2)
})

const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
const channel = new Socket({
  fd: Number(process.argv[2]),
  onread: {
    buffer,
    callback: (length) => {
      program.hear(buffer.subarray(0, length))
      return true
    },
  },
})
// Without the gateway nothing can be recorded: there is nothing left to do.
let endsWith = 1
channel.on('error', () => undefined).on('close', () => process.exit(endsWith))

const pipe = socketPipe(channel, { onFull: () => process.exit(2) })
const program = new WorkerProgram(realMachine(), {
  send: (bytes) => pipe.send(bytes),
  leave: () => {
    endsWith = 0
    // The gateway ends its side when it has read all: only then is this side gone.
    channel.end()
    setTimeout(() => process.exit(0), LEAVE_MS).unref()
  },
})
channel.resume()

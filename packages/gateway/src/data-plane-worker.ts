// The third composition root: a process that serves requests for the gateway that started it.
import { realMachine } from './compose/machine.ts'
import type { FromGateway } from './compose/workers/messages.ts'
import { WorkerProgram } from './compose/workers/worker-program.ts'
import { tuneRuntime } from './platform/index.ts'

tuneRuntime()
// What ends the gateway goes to all of its processes: it lets each of its workers finish.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) {
  process.on(signal, () => undefined)
}
// Without the gateway nothing can be recorded: there is nothing left to do.
process.on('disconnect', () => process.exit(1))
process.on('uncaughtException', (error) => {
  process.stderr.write(`countersign: worker: internal error: ${error.stack ?? error.message}\n`)
  process.exit(2)
})

const program = new WorkerProgram(realMachine(), {
  send: (rows) => void process.send?.(rows),
  leave: () => {
    process.removeAllListeners('disconnect')
    process.disconnect?.()
    setTimeout(() => process.exit(0), 1000).unref()
  },
})
process.on('message', (rows: readonly FromGateway[]) => program.hear(rows))

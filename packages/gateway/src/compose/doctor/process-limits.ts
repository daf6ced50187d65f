import { readFile } from 'node:fs/promises'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'

/** Files of the ledger, the runtime and the control plane. */
const FILES_OF_OUR_OWN = 256

/** Whether there are descriptors for the connections that the limits allow. */
export async function* examineProcess({ limits, listeners }: Config): AsyncGenerator<Finding> {
  // Only Linux has the file; elsewhere there is nothing to say.
  const text = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const soft = Number(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN)
  if (Number.isNaN(soft)) return
  // Each connection may have one to an upstream beside it.
  const needed = listeners.length * limits.connectionsMax * 2 + FILES_OF_OUR_OWN
  const says = `${soft} open files; limits.connectionsMax may need ${needed}`
  if (soft >= needed) return yield { topic: 'process', subject: '', state: 'ok', says }
  const advice = `ulimit -n ${needed} (systemd: LimitNOFILE=${needed}), or a lower connectionsMax`
  yield { topic: 'process', subject: '', state: 'warning', says, advice }
}

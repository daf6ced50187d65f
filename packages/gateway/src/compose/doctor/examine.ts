import type { Finding } from '../../cli/index.ts'
import { UnusableError } from '../load-problem.ts'
import type { Machine } from '../machine.ts'
import { type Prepared, prepare } from '../prepare.ts'
import { examineCertificates } from './certificates.ts'
import { examineClock } from './clock.ts'
import { examineDisk } from './disk.ts'
import { examineKeys } from './keys.ts'
import { examineObtained } from './obtained-certificates.ts'
import { examinePermissions } from './permissions.ts'
import { examineProcess } from './process-limits.ts'
import { examineUpstreams } from './upstreams.ts'

/** Everything that a configuration needs of its machine and its neighbours, one after the other. */
export async function* examine(path: string, machine: Machine): AsyncGenerator<Finding> {
  let prepared: Prepared
  try {
    prepared = await prepare(path)
  } catch (error) {
    yield* configurationFaults(path, error)
    return
  }
  const { config } = prepared
  const { length: routes } = config.routes
  const says = `listeners: ${config.listeners.length}, routes: ${routes}, policies compiled`
  yield { topic: 'configuration', subject: path, state: 'ok', says }
  yield* examineCertificates(prepared, machine.clock.nowUs() / 1000)
  yield* examineObtained(config, machine)
  yield* examineClock(config, machine)
  yield* examineKeys(config)
  yield* examineDisk(config)
  yield* examinePermissions(config)
  yield* examineProcess(config)
  yield* examineUpstreams(prepared)
}

function* configurationFaults(path: string, error: unknown): Generator<Finding> {
  if (!(error instanceof UnusableError)) {
    const says = error instanceof Error ? error.message : String(error)
    yield { topic: 'configuration', subject: path, state: 'failure', says }
    return
  }
  for (const { file, line, column, path: key, message, hint } of error.problems) {
    const subject = [file, line, column].filter((part) => part !== undefined).join(':')
    const says = key === undefined || key === '' ? message : `${key}: ${message}`
    const advice = hint === undefined ? {} : { advice: hint }
    yield { topic: 'configuration', subject, state: 'failure', says, ...advice }
  }
}

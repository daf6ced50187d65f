import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { layoutOf } from '../../ledger/index.ts'
import { clockFault } from '../clock-range.ts'
import type { Machine } from '../machine.ts'
import { EPOCH } from '../open-secrets.ts'
import { see } from './seen.ts'

const ASK_MS_MAX = 2000
/** What was published cannot be newer than now; this much a file system may be off. */
const AHEAD_MS_MAX = 60_000

/** Whether somebody sets it, and whether it has gone back since the last checkpoint. */
export async function* examineClock({ data }: Config, { clock }: Machine): AsyncGenerator<Finding> {
  const topic = 'clock'
  const nowUs = clock.nowUs()
  const nowMs = nowUs / 1000
  const fault = clockFault(nowUs)
  if (fault !== undefined) {
    const advice = 'set the clock: the gateway does not start before that'
    yield { topic, subject: '', state: 'failure', says: fault, advice }
  }
  const checkpoint = join(layoutOf(data, EPOCH).log, 'checkpoint')
  const published = await see(topic, checkpoint)
  if (published.kind === 'unseen') yield published.finding
  const aheadMs = (published.kind === 'there' ? published.facts.mtimeMs : 0) - nowMs
  if (aheadMs > AHEAD_MS_MAX) {
    const says = `the newest checkpoint is ${Math.round(aheadMs / 1000)} s in the future`
    const advice = 'set the clock; records made until then carry a flag that it ran backwards'
    yield { topic, subject: '', state: 'warning', says, advice }
  }
  const synchronised = await isSynchronised()
  if (synchronised === true) {
    yield { topic, subject: '', state: 'ok', says: 'set by a time service' }
    return
  }
  const says =
    synchronised === false ? 'no time service has set it' : 'this machine does not say who sets it'
  const advice = 'run chrony or systemd-timesyncd: tokens, certificates and records live by it'
  yield { topic, subject: '', state: 'warning', says, advice }
}

async function isSynchronised(): Promise<boolean | undefined> {
  try {
    const { stdout } = await promisify(execFile)(
      'timedatectl',
      ['show', '--property=NTPSynchronized', '--value'],
      { timeout: ASK_MS_MAX },
    )
    return stdout.trim() === 'yes'
  } catch {
    return undefined
  }
}

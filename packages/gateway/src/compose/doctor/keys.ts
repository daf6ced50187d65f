import { join } from 'node:path'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { layoutOf } from '../../ledger/index.ts'
import { EPOCH } from '../open-secrets.ts'
import { see } from './seen.ts'

/** Whether the keys are there that are made once and that the ledger beside them needs. */
export async function* examineKeys({ data }: Config): AsyncGenerator<Finding> {
  const topic = 'keys'
  const published = await see(topic, join(layoutOf(data, EPOCH).log, 'checkpoint'))
  if (published.kind !== 'there') return
  const subject = join(data, 'keys', 'standing.keys')
  const keys = await see(topic, subject)
  if (keys.kind === 'there') {
    yield { topic, subject, state: 'ok', says: 'is there, as the ledger is' }
    return
  }
  if (keys.kind === 'unseen') {
    yield keys.finding
    return
  }
  const advice = 'restore data/keys from the backup that the ledger is of'
  yield { topic, subject, state: 'failure', says: 'is missing beside a ledger', advice }
}

import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import { type KeyRing, KeyStore } from '../identity/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { fileSource } from './file-source.ts'
import { apiKeyFacts, KeyRecords } from './key-records.ts'
import type { Machine } from './machine.ts'

/** The API keys in force. */
export interface OpenKeys {
  readonly current: KeyRing
  close(): Promise<void>
}

/** Opens the keys file; from then on every change of a key is recorded. */
export async function openKeys(
  { identity }: Config,
  { clock }: Machine,
  { recorder, log }: { readonly recorder: Recorder; readonly log: Logger },
): Promise<OpenKeys> {
  const onRefused = (cause: unknown): void => log.error({ err: cause }, 'keys file')
  const records = new KeyRecords({ clock, recorder, onRefused })
  const source = fileSource(identity.keysFile)
  const store = await KeyStore.open({
    source,
    clock,
    onReport: (report) => {
      if (report.kind === 'refused') return onRefused(report.cause)
      for (const change of report.changes) records.take(apiKeyFacts(change))
    },
  })
  return {
    get current() {
      return store.current
    },
    close: async () => {
      store.close()
      await records.close()
    },
  }
}

import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { Config } from '../config/index.ts'
import {
  type KeyChange,
  type KeyRing,
  KeyStore,
  type KeyTrace,
  keyChanges,
  keyTraces,
} from '../identity/index.ts'
import type { Recorder } from '../recorder/index.ts'
import { fileSource } from './file-source.ts'
import { apiKeyFacts, KeyRecords } from './key-records.ts'
import type { Machine } from './machine.ts'
import { SeenFile } from './seen-file.ts'

const traceSchema = z.strictObject({ facts: z.string(), expiresAtUs: z.int().optional() })

/** What goes by a file of credentials. */
export interface KeyNeeds {
  readonly recorder: Pick<Recorder, 'act' | 'actant'>
  readonly log: Logger
  /** Another process records every change. */
  readonly isFollower?: boolean
}

/** The API keys in force. */
export interface OpenKeys {
  readonly current: KeyRing
  close(): Promise<void>
}

/** Opens the keys file; every change of a key is recorded, from the last one that was. */
export async function openKeys(
  { identity, data }: Config,
  { clock, disk }: Machine,
  { recorder, log, isFollower }: KeyNeeds,
): Promise<OpenKeys> {
  const onRefused = (cause: unknown): void => log.error({ err: cause }, 'keys file')
  const records = new KeyRecords({ clock, recorder, onRefused })
  const source = fileSource(identity.keysFile)
  const seen = new SeenFile<KeyTrace>(disk, join(data, 'state', 'keys-seen.json'), traceSchema)
  const before = await seen.read()
  const take = (changes: readonly KeyChange[], ring: () => KeyRing): void => {
    if (isFollower) return
    for (const change of changes) records.take(apiKeyFacts(change))
    records.afterwards(() => seen.write(keyTraces(ring())))
  }
  const store = await KeyStore.open({
    source,
    clock,
    onReport: (report) => {
      if (report.kind === 'refused') onRefused(report.cause)
      else take(report.changes, () => store.current)
    },
  })
  // What was changed while no gateway ran; of the first start of all nothing is known.
  const missed = before === undefined ? [] : keyChanges(before, store.current)
  if (before === undefined || missed.length > 0) take(missed, () => store.current)
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

import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import { type SpaceFacts, type SpaceLevel, SpaceWatch } from '../ledger/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'

/** The room on the volume of the data, looked at for as long as the gateway runs. */
export interface OpenSpace {
  readonly facts: () => SpaceFacts
  readonly isScarce: () => boolean
  /** The disk was met full. True: there is room now. */
  readonly makeRoom: () => Promise<boolean>
  /** From now on a change of the level is on record. */
  recordIn(recorder: Pick<Recorder, 'act'>): void
  close(): Promise<void>
}

/** Tells the operator of each change at once, and the ledger as soon as it can be written. */
export async function openSpace(
  { data, disk: config }: Config,
  { disk, clock, random }: Machine,
  log: Logger,
): Promise<OpenSpace> {
  const told: { logged: SpaceLevel; recorded: SpaceLevel } = { logged: 'ample', recorded: 'ample' }
  let recorder: Pick<Recorder, 'act'> | undefined
  let recording: Promise<void> | undefined
  const record = async (facts: SpaceFacts): Promise<void> => {
    const { level, freeBytes, totalBytes, reserveBytes } = facts
    try {
      await recorder?.act('system', { act: 'space', level, freeBytes, totalBytes, reserveBytes })
      told.recorded = level
    } catch (cause) {
      // The next look offers it again.
      log.warn({ err: cause, level }, 'the level of the disk is not on record yet')
    }
  }
  const onLook = (facts: SpaceFacts): void => {
    const { level } = facts
    if (level !== told.logged) log[LOUDNESS[level]]({ ...facts }, MESSAGES[level])
    told.logged = level
    if (level === told.recorded || recorder === undefined) return
    recording ??= record(facts).finally(() => {
      recording = undefined
    })
  }
  const faults = new Set<string>()
  const onFault = (fault: unknown): void => {
    // Once each: the next look meets the same.
    const message = String(fault)
    if (faults.has(message)) return
    faults.add(message)
    log.error({ err: fault }, 'the room on the disk of the ledger')
  }
  const watch = await SpaceWatch.open({ disk, clock, random, data, config, onLook, onFault })
  return {
    facts: () => watch.facts,
    isScarce: () => watch.isScarce,
    makeRoom: () => watch.makeRoom(),
    recordIn: (given) => {
      recorder = given
      onLook(watch.facts)
    },
    close: async () => {
      await watch.close()
      await recording
    },
  }
}

const LOUDNESS = { ample: 'info', low: 'warn', scarce: 'error' } as const
const MESSAGES = {
  ample: 'there is room on the disk of the ledger again',
  low: 'the disk of the ledger is getting full: make room',
  scarce: 'the disk of the ledger is nearly full: nothing is forwarded until there is room',
} as const

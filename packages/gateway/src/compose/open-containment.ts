import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import { Containment, fileStore } from '../containment/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'

/** What is under quarantine, as it was when the process ended. The recorder may not have begun. */
export function openContainment(
  { data }: Config,
  { disk, clock, random }: Machine,
  { recorder, log }: { readonly recorder: Recorder; readonly log: Logger },
): Promise<Containment> {
  return Containment.open({
    clock,
    random,
    recorder,
    store: fileStore(disk, join(data, 'state', 'containment.json')),
    onFault: (fault) => log.error({ err: fault }, 'containment'),
  })
}

import { join } from 'node:path'
import type { Logger } from 'pino'
import { Approvals, BreakGlass } from '../approval/index.ts'
import type { Config } from '../config/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Machine } from './machine.ts'

/** What second persons have let others do, and what waits for them. */
export interface OpenApprovals {
  readonly approvals: Approvals
  readonly breakGlass: BreakGlass
  close(): void
}

export interface ApprovalNeeds {
  readonly recorder: Recorder
  readonly log: Logger
  /** In force now. */
  readonly config: () => Config
}

/** As they were when the process ended. The recorder may not have begun: what is over waits. */
export async function openApprovals(
  { data }: Config,
  { disk, clock, random }: Machine,
  { recorder, log, config }: ApprovalNeeds,
): Promise<OpenApprovals> {
  const directory = join(data, 'state')
  const onFault = (fault: unknown): void => log.error({ err: fault }, 'approvals')
  const base = { disk, clock, random, recorder, onFault }
  const approvals = await Approvals.open({
    ...base,
    path: join(directory, 'approvals.json'),
    config: () => config().approvals,
  })
  const breakGlass = await BreakGlass.open({
    ...base,
    path: join(directory, 'break-glass.json'),
    config: () => config().breakGlass,
  })
  const close = (): void => {
    approvals.close()
    breakGlass.close()
  }
  return { approvals, breakGlass, close }
}

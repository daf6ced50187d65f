// What the routes stand on beside what a test is about: empty, and on a disk in memory.
import {
  Approvals,
  approvalsConfigSchema,
  BreakGlass,
  breakGlassConfigSchema,
} from '../approval/index.ts'
import { Containment, fileStore } from '../containment/index.ts'
import { SeededRandom, SimulatedClock, SimulatedDisk } from '../platform/index.ts'
import type { AdminParts } from './route.ts'

type Standing = Pick<AdminParts, 'containment' | 'approvals' | 'breakGlass' | 'nowUs'>

/** Nothing is under quarantine, asked for or broken. */
export async function standingParts(): Promise<Standing> {
  const [disk, clock, random] = [new SimulatedDisk(), new SimulatedClock(), new SeededRandom(1)]
  await disk.makeDirectory('/state')
  const actant = (): { subject: string } => ({ subject: '0'.repeat(32) })
  const act = async (): Promise<{ epoch: number; index: number }> => ({ epoch: 1, index: 0 })
  const onFault = (fault: unknown): never => {
    throw fault
  }
  const base = { disk, clock, random, recorder: { actant, act }, onFault }
  return {
    nowUs: () => clock.nowUs(),
    containment: await Containment.open({ ...base, store: fileStore(disk, '/state/c.json') }),
    approvals: await Approvals.open({
      ...base,
      path: '/state/a.json',
      config: () => approvalsConfigSchema.parse({}),
    }),
    breakGlass: await BreakGlass.open({
      ...base,
      path: '/state/b.json',
      config: () => breakGlassConfigSchema.parse({}),
    }),
  }
}

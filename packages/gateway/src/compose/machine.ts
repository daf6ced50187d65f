import {
  type Clock,
  type Disk,
  nodeDisk,
  type Random,
  systemClock,
  systemRandom,
} from '../platform/index.ts'

/** What a gateway stands on. */
export interface Machine {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** This machine. */
export function realMachine(): Machine {
  const [disk, clock, random] = [nodeDisk(), systemClock(), systemRandom()]
  return { disk, clock, random, environment: process.env }
}

import type { FaultPlan } from './fault-plan.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedClock } from './simulated-clock.ts'
import type { Usage } from './simulated-inode.ts'

/** How long operations take: each a random part of the longest, so that some overtake others. */
export interface Latency {
  readonly clock: SimulatedClock
  readonly longestMs: number
}

/** What files and directories of one simulated disk share while the machine is up. */
export interface Machine {
  readonly faults: FaultPlan
  readonly random: SeededRandom
  readonly usage: Usage
  readonly latency: Latency | undefined
  /** Mistakes of the program that a real disk would let pass, or punish at random. */
  readonly misuses: string[]
  /** Paths of open files, one for each handle. */
  readonly open: Map<{ abandon(): void }, string>
  capacityBytes: number
  isDown: boolean
}

/**
 * One operation: `effect` happens when it begins or when it ends, as the seed wills, `finish` when
 * it ends. On a machine that went down nothing ever ends: whoever waited is dead.
 */
export async function perform<Result>(
  machine: Machine,
  effect: () => Result,
  finish?: () => void,
): Promise<Result> {
  if (machine.isDown) return never()
  const { latency, random } = machine
  if (latency === undefined) {
    const result = effect()
    finish?.()
    return result
  }
  const isEarly = random.chance(0.5)
  const early = isEarly ? attempt(effect) : undefined
  await passes(latency, random)
  if (machine.isDown) return never()
  const result = early ?? attempt(effect)
  if ('thrown' in result) throw result.thrown
  finish?.()
  return result.value
}

type Attempted<Result> = { readonly value: Result } | { readonly thrown: unknown }

function attempt<Result>(act: () => Result): Attempted<Result> {
  try {
    return { value: act() }
  } catch (thrown) {
    return { thrown }
  }
}

function passes({ clock, longestMs }: Latency, random: SeededRandom): Promise<void> {
  const delayMs = longestMs * (random.uint32() / 2 ** 32)
  return new Promise((done) => clock.after(delayMs, done))
}

/** What a call on a dead machine gives: no answer. */
export function never(): Promise<never> {
  return new Promise(() => undefined)
}

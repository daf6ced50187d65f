import { SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import type { HitCounts } from './coverage.ts'
import type { PlantedBug } from './planted.ts'
import { Scenario } from './scenario.ts'

export interface RunOptions {
  readonly seed: number
  /** The power also fails before this step. */
  readonly crashAtStep?: number | undefined
  /** Wants to be told what happens. */
  readonly tells?: ((what: string) => void) | undefined
  readonly planted?: PlantedBug | undefined
}

export interface Run {
  readonly failure: string | undefined
  readonly hits: HitCounts
  readonly operations: number
  readonly crashes: number
  readonly steps: number
  /** Equal for equal seeds: what happened, in order, hashed. */
  readonly trace: number
}

/** One seeded life of a gateway, with its faults and crashes, until a property fails or it ends. */
export async function simulate(options: RunOptions): Promise<Run> {
  const scenario = new Scenario(options, new SeededRandom(options.seed))
  let failure: string | undefined
  try {
    await scenario.play()
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const { hits, operations, crashes, trace, steps } = scenario
  return { failure, hits: hits.counts, operations, crashes, steps, trace }
}

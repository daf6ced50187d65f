import type { SeededRandom } from '../../packages/gateway/src/platform/index.ts'

/** What can happen next. Each run draws its own weights, and leaves some out altogether. */
export const ACTIONS = [
  'exchange',
  'refusal',
  'act',
  'burst',
  'wait',
  'idle',
  'freeze',
  'clock jump',
  'look',
  'disk fault',
  'flush fault',
  'lock fault',
  'bit flip',
  'full disk',
  'evict',
  'kill',
  'power cut',
  'restart',
  'settle',
  'second owner',
  'fence',
  'old backup',
] as const
export type Action = (typeof ACTIONS)[number]

/** How often each happens when it is not left out, relative to the others. */
const USUAL: Readonly<Record<Action, number>> = {
  exchange: 30,
  refusal: 10,
  act: 2,
  burst: 6,
  wait: 20,
  idle: 3,
  freeze: 0.5,
  'clock jump': 1,
  look: 5,
  'disk fault': 3,
  'flush fault': 2,
  'lock fault': 1,
  'bit flip': 1,
  'full disk': 1.5,
  evict: 1,
  kill: 1.5,
  'power cut': 2.5,
  restart: 1,
  settle: 0.5,
  'second owner': 1,
  fence: 0.2,
  'old backup': 0.2,
}

/** Without these nothing would be tested. */
const NEVER_LEFT_OUT: readonly Action[] = ['exchange', 'wait']
const LEFT_OUT = 0.3

/** The habits of one run. */
export interface Swarm {
  readonly weights: ReadonlyMap<Action, number>
  readonly operations: number
  readonly burstMax: number
  readonly longestMs: number
  readonly segmentEntriesMax: number
  readonly segmentBytesMax: number
  readonly preallocateBytes: number
  readonly publishEveryMs: number
  readonly heartbeatMs: number
  readonly backlogEntriesMax: number
  /** 0: none is kept. */
  readonly reserveBytes: number
  /** How much of the traffic need not be durable before it goes on, and the bounds of that. */
  readonly relaxed: number
  readonly recordsMax: number
  readonly windowMs: number
  /** How much of the traffic has bodies that are captured. */
  readonly captured: number
}

export const OPERATIONS_MIN = 50

export function drawSwarm(random: SeededRandom, captured: number): Swarm {
  const weights = new Map<Action, number>()
  for (const action of ACTIONS) {
    const isLeftOut = !NEVER_LEFT_OUT.includes(action) && random.chance(LEFT_OUT)
    weights.set(action, isLeftOut ? 0 : USUAL[action] * random.pick([0.3, 1, 1, 3]))
  }
  return {
    weights,
    operations: OPERATIONS_MIN + random.below(10),
    burstMax: random.pick([5, 10, 20, 40, 150]),
    longestMs: random.pick([0.5, 3, 3, 40]),
    segmentEntriesMax: random.pick([10, 40, 256, 300, 65_536]),
    segmentBytesMax: random.pick([8_192, 65_536, 1_048_576]),
    preallocateBytes: random.pick([512, 4_096, 16_384]),
    publishEveryMs: random.pick([200, 1_000, 1_000, 5_000]),
    // None is a multiple of how often is published: a heartbeat would always come just after.
    heartbeatMs: random.pick([7_000, 23_000, 61_000]),
    backlogEntriesMax: random.pick([8, 64, 98_304]),
    reserveBytes: random.pick([0, 0, 131_072]),
    relaxed: random.pick([0, 0, 0.5, 1]),
    recordsMax: random.pick([2, 6, 30, 300]),
    windowMs: random.pick([60, 1_000, 5_000]),
    captured,
  }
}

export function drawAction({ weights }: Swarm, random: SeededRandom): Action {
  let left = random.below(1_000_000) / 1_000_000
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  for (const [action, weight] of weights) {
    left -= weight / total
    if (left < 0) return action
  }
  return 'wait'
}

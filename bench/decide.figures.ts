// What the modes of `decide` say when they are held against each other. What needs a mode that did
// not run is left out.
import { type Measured, rounded } from './web.load.ts'

export const MODES = [
  'keys',
  'jwt',
  'jwtUnknown',
  'policies',
  'complete',
  'haproxy',
  'haproxyComplete',
] as const
export type Mode = (typeof MODES)[number]

type Figures = Readonly<Record<string, number>>
type OfTwo = (one: Measured, other: Measured) => number

export function figuresOf(
  medians: ReadonlyMap<Mode, Measured>,
): Readonly<Record<string, Measured | Figures | number>> {
  const of = (one: Mode, other: Mode, figure: OfTwo): number | undefined => {
    const [first, second] = [medians.get(one), medians.get(other)]
    return first && second && rounded(figure(first, second))
  }
  const added = known({
    jwtKnownUs: of('jwt', 'keys', moreCpu),
    jwtUnknownUs: of('jwtUnknown', 'keys', moreCpu),
    policiesUs: of('policies', 'jwt', moreCpu),
    quotaUs: of('complete', 'policies', moreCpu),
  })
  return {
    ...Object.fromEntries(medians),
    added,
    shareOfComplete: shares(added, medians.get('complete')),
    ...known({
      throughputToHaproxyComplete: of('complete', 'haproxyComplete', throughputRatio),
      cpuToHaproxyComplete: of('complete', 'haproxyComplete', cpuRatio),
    }),
  }
}

const moreCpu: OfTwo = (one, other) => one.cpuUsPerRequest - other.cpuUsPerRequest
const cpuRatio: OfTwo = (one, other) => one.cpuUsPerRequest / other.cpuUsPerRequest
const throughputRatio: OfTwo = (one, other) => one.requestsPerSecond / other.requestsPerSecond

function shares(added: Figures, complete: Measured | undefined): Figures {
  if (complete === undefined) return {}
  const share = (us: number): number => rounded(us / complete.cpuUsPerRequest)
  return Object.fromEntries(
    Object.entries(added).map(([name, us]) => [name.replace('Us', ''), share(us)]),
  )
}

function known(figures: Readonly<Record<string, number | undefined>>): Figures {
  const found = Object.entries(figures).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return Object.fromEntries(found)
}

import type { How, What, Where, Who } from '@countersign/evidence'
import type { SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import type {
  IntentDraft,
  OutcomeDraft,
  PersonalChoice,
  RefusalDraft,
} from '../../packages/gateway/src/recorder/index.ts'

const PERSONS = 4
const PLACES = 3
const ORDERS = 10_000
const PERSONAL: readonly [readonly PersonalChoice[], ...(readonly PersonalChoice[])[]] = [
  [],
  [],
  ['what', 'how'],
]

export function anyIntent(random: SeededRandom, exchange: string) {
  return {
    exchange,
    ...asked(random),
    why: { verdict: 'allow', reason: 'policy-permits', policies: ['orders'] },
  } satisfies IntentDraft
}

export function anyRefusal(random: SeededRandom, exchange: string) {
  return {
    exchange,
    ...asked(random),
    why: { verdict: 'deny', reason: 'no-policy-permits' },
    how: { ended: 'released', status: 403, source: 'gateway', error: 'no-policy-permits' },
  } satisfies RefusalDraft
}

export function anyEnd(random: SeededRandom): OutcomeDraft {
  const bytes = random.below(5_000)
  const via = { upstream: 'orders', attempts: 1, status: 200, response: { bytes } }
  const how: How = random.pick([
    { ended: 'released', status: 200, source: 'upstream', response: { bytes } },
    { ended: 'released', status: 200, source: 'upstream', response: { bytes } },
    { ended: 'client-aborted', status: 200, source: 'upstream', error: 'client-aborted' },
    { ended: 'upstream-aborted', status: 502, source: 'gateway', error: 'upstream-aborted' },
  ])
  return { via, how }
}

function asked(random: SeededRandom): {
  readonly who: Who
  readonly where: Where
  readonly what: What
  readonly personal: readonly PersonalChoice[]
} {
  const person = random.below(PERSONS)
  return {
    who:
      person === 0
        ? { principal: { id: 'anonymous', kind: 'anonymous' } }
        : { principal: { id: `person ${person}`, kind: 'user', issuer: 'simulation' } },
    where: { address: `192.0.${random.below(PLACES)}.7`, port: 40_000 + random.below(20_000) },
    what: {
      method: 'GET',
      scheme: 'https',
      authority: 'orders.example',
      path: `/orders/${random.below(ORDERS)}`,
      protocol: 'HTTP/1.1',
      route: 'orders',
    },
    personal: random.pick(PERSONAL),
  }
}

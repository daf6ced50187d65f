// What must be equal after any load: requests accepted, intents and refusals on record, outcomes
// and interrupted exchanges, and what the metrics counted, to the request.
import assert from 'node:assert/strict'
import { type FoundRecord, type Receipts, wholeLedger } from '../faults/whole-ledger.ts'
import type { Metrics, Rig } from './rig.ts'

export interface Identity {
  readonly accepted: number
  readonly intents: number
  readonly outcomes: number
  readonly interrupted: number
  readonly refusals: number
  readonly folded: number
  readonly entries: number
}

/**
 * Stops the gateway and holds everything against everything. What was counted by a process that
 * was killed went with it: then only what its records say is held against what happened.
 */
export async function assertIdentity(
  rig: Rig,
  { receipts }: { readonly receipts?: Receipts } = {},
): Promise<Identity> {
  const metrics = await settledMetrics(rig)
  assert.equal(await rig.stop('SIGTERM'), 0)
  const records = await wholeLedger(rig.data)
  await receipts?.assertIn(rig.data, records.length)

  const intents = records.filter(({ kind }) => kind === 'intent')
  const outcomes = records.filter(({ kind }) => kind === 'outcome')
  const interrupted = outcomes.filter(({ ended }) => ended === 'interrupted')
  assert.equal(outcomes.length, intents.length, 'every intent has its end')
  const begun = new Set(intents.map(({ exchange }) => exchange))
  for (const id of rig.upstream.received) assert.ok(begun.has(id), `${id} has no intent`)

  // In a loop: a long load has more records than a call takes arguments.
  let last = 0
  for (const { incarnation } of records) last = Math.max(last, incarnation)
  const own = records.filter(({ incarnation }) => incarnation === last)
  const counts = assertCounted(metrics, own)
  return {
    ...counts,
    intents: intents.length,
    outcomes: outcomes.length - interrupted.length,
    interrupted: interrupted.length,
    entries: records.length,
  }
}

/** What the newest process counted is what it wrote down. */
function assertCounted(
  metrics: Metrics,
  records: readonly FoundRecord[],
): Pick<Identity, 'accepted' | 'refusals' | 'folded'> {
  const sum = (pattern: RegExp): number =>
    [...metrics].reduce((total, [name, value]) => total + (pattern.test(name) ? value : 0), 0)
  const count = (kind: string): number => records.filter((record) => record.kind === kind).length
  const accepted = sum(/^countersign_requests_accepted_total/)
  const intents = sum(/^countersign_intents_total/)
  const refused = sum(/^countersign_refusals_total/)
  const whole = sum(/^countersign_refusals_total\{.*recorded="whole"/)
  const folded = sum(/^countersign_refusals_total\{.*recorded="folded"/)
  assert.equal(accepted, intents + refused + sum(/^countersign_own_answers_total/), 'accepted')
  assert.equal(intents, count('intent'), 'intents counted are intents on record')
  // An exchange of the life before is ended by this one, which never counted it.
  const isClosed = ({ kind, ended }: FoundRecord) => kind === 'outcome' && ended === 'interrupted'
  const closed = records.filter(isClosed)
  assert.equal(sum(/^countersign_outcomes_total/), count('outcome') - closed.length, 'outcomes')
  assert.equal(whole, count('refusal'), 'refusals counted are refusals on record')
  assert.equal(folded, foldedOn(records), 'folds count what was folded')
  return { accepted, refusals: whole, folded }
}

function foldedOn(records: readonly FoundRecord[]): number {
  const counts = new Map<number, number>()
  for (const { index, kind, act, about, count = 0 } of records) {
    if (kind === 'fold') counts.set(act === 'open' ? index : (about ?? index), count)
  }
  return [...counts.values()].reduce((total, count) => total + count, 0)
}

/** When nothing is going on any more. */
async function settledMetrics(rig: Rig): Promise<Metrics> {
  for (;;) {
    const metrics = await rig.metrics()
    if (metrics.get('http_server_active_requests') === 0) return metrics
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export function sayIdentity(identity: Identity): string {
  const { accepted, intents, outcomes, interrupted, refusals, folded, entries } = identity
  const counted = `accepted ${accepted} = intents + ${refusals} refusals + ${folded} folded`
  const ended = `${intents} intents = ${outcomes} outcomes + ${interrupted} interrupted`
  return `${counted}; ${ended}; ${entries} entries verify`
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedClock } from '../platform/index.ts'
import { ProofMemory, type ReplayNeeds } from './proof-memory.ts'

const FIRST: ReplayNeeds = { file: undefined, windowMs: 60_000, aheadMs: 60_000, entriesMax: 10 }

function remember(): { readonly memory: ProofMemory; readonly clock: SimulatedClock } {
  const clock = new SimulatedClock()
  return { clock, memory: new ProofMemory({ clock, random: new SeededRandom(1) }) }
}

test('a store stays what it is while its own settings do, with its nonces', () => {
  const { memory, clock } = remember()
  const store = memory.replays('dpop', FIRST)
  const nonce = memory.nonces(1000, store).current(clock.nowUs())
  assert.equal(memory.replays('dpop', { ...FIRST }), store)
  assert.ok(memory.nonces(1000, store).accepts(nonce, clock.nowUs()))
})

test('what the former store saw is known to no other, whenever that is taken up', async () => {
  const { memory, clock } = remember()
  const former = memory.replays('dpop', FIRST)
  const nonce = memory.nonces(1000, former).current(clock.nowUs())
  // Read with a configuration that did not come into force, and again with the next.
  memory.replays('dpop', { ...FIRST, aheadMs: 1000 })
  await clock.advance(3_600_000)
  const next = memory.replays('dpop', { ...FIRST, aheadMs: 1000 })
  const usedUs = clock.nowUs() + 59_000_000
  assert.equal(former.add('a proof', { nowUs: clock.nowUs(), issuedAtUs: usedUs }), 'new')
  assert.ok(next.forgottenUntilUs >= usedUs, 'it needs a nonce')
  assert.ok(!memory.nonces(1000, next).accepts(nonce, clock.nowUs()), 'and not one of before')
  const { forgottenUntilUs } = next
  await clock.advance(1000)
  assert.equal(next.forgottenUntilUs, forgottenUntilUs)
})

test('whoever has the secret takes the nonces of all, for the same settings alone', () => {
  const secret = new Uint8Array(32).fill(7)
  const clock = new SimulatedClock()
  const [one, other] = [1, 2].map((seed) => {
    return new ProofMemory({ clock, random: new SeededRandom(seed) }, secret)
  })
  assert.ok(one !== undefined && other !== undefined)
  const nonce = one.nonces(1000, one.replays('dpop', FIRST)).current(0)
  const accepts = (periodMs: number, needs: ReplayNeeds): boolean =>
    other.nonces(periodMs, other.replays('dpop', needs)).accepts(nonce, 0)
  assert.ok(accepts(1000, FIRST))
  assert.ok(!accepts(2000, FIRST))
  assert.ok(!accepts(1000, { ...FIRST, aheadMs: 1 }))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PLANTED_BUGS } from './planted.ts'
import { simulate } from './simulate.ts'

const FIRST_SEED = 1
const SEEDS_MAX = 100
const HONEST_RUNS = 5

test(`${HONEST_RUNS} runs from seed ${FIRST_SEED} hold`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + HONEST_RUNS; seed++) {
    const { failure, operations, crashes } = await simulate({ seed })
    assert.equal(failure, undefined, `SEED=${seed} npm run sim`)
    assert.ok(operations >= 50 && crashes >= 1, `${operations} operations, ${crashes} crashes`)
  }
})

test('the same seed lives the same life, another seed another one', async () => {
  const [one, again, other] = [
    await simulate({ seed: 3 }),
    await simulate({ seed: 3 }),
    await simulate({ seed: 4 }),
  ]
  assert.deepEqual(one, again)
  assert.notEqual(one.trace, other.trace)
})

for (const bug of PLANTED_BUGS) {
  test(`a planted bug is caught: ${bug.name}`, async (context) => {
    for (let seed = bug.firstSeed; seed < bug.firstSeed + SEEDS_MAX; seed++) {
      const { failure } = await simulate({ seed, planted: bug })
      if (failure === undefined) continue
      context.diagnostic(`seed ${seed}: ${failure.split('\n')[0]}`)
      const { failure: honest } = await simulate({ seed })
      assert.equal(honest, undefined, 'the same seed without the bug')
      return
    }
    assert.fail(`not caught in ${SEEDS_MAX} runs`)
  })
}

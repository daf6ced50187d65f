// What was done in each flow, what came of it, what is on record. UPDATE=1 writes it down anew.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { FLOWS, goldenOf, reviewed, SETTING } from './flows.ts'
import { play } from './stage.ts'

for (const [name, flow] of Object.entries(FLOWS)) {
  test(`the flow ${name} goes as it was reviewed`, async () => {
    const said = await play({ ...SETTING, isRace: name === 'count' }, flow)
    if (process.env.UPDATE === '1') writeFileSync(goldenOf(name), said)
    assert.equal(said, reviewed(name))
  })
}

// What second persons let others do is counted and kept by one process: two workers that ask it
// answer as one process does, and the same is on record.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLOWS, reviewed, SETTING } from '../approval/flows.ts'
import { play } from '../approval/stage.ts'

for (const [name, flow] of Object.entries(FLOWS)) {
  test(`the flow ${name} goes with two workers as with one process`, async () => {
    const config = `${SETTING.config}workers: 2\n`
    const said = await play({ ...SETTING, config, isRace: name === 'count' }, flow)
    assert.equal(said, reviewed(name))
  })
}

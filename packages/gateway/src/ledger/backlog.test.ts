import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TreeSize } from '@countersign/tlog'
import { BACKLOG_BYTES_MAX, BACKLOG_ENTRIES_MAX, Backlog } from './backlog.ts'

const START = 1000 as TreeSize

for (const [entries, holdMs] of [
  [0, 0],
  [32_768, 0],
  [33_000, 0],
  [34_100, 1],
  [65_536, 25],
  [BACKLOG_ENTRIES_MAX, 50],
  [10 * BACKLOG_ENTRIES_MAX, 50],
] as const) {
  test(`with ${entries} entries behind a batch waits ${holdMs} ms`, () => {
    const backlog = new Backlog(START)
    const end = (START + entries) as TreeSize
    assert.equal(backlog.holdMs(end), holdMs)
    backlog.settle(end, 0)
    assert.equal(backlog.holdMs(end), 0)
  })
}

test('bytes count as entries do', () => {
  const backlog = new Backlog(START)
  backlog.add(33_554_432)
  assert.equal(backlog.holdMs(START), 0)
  backlog.add((BACKLOG_BYTES_MAX - 33_554_432) / 2)
  assert.equal(backlog.holdMs(START), 25)
  backlog.settle(START, backlog.addedBytes)
  assert.equal(backlog.holdMs(START), 0)
})

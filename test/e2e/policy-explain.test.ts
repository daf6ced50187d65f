// Ten thousand requests through a gateway, and every decision made again from what it left behind.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeDisk } from '../../packages/gateway/src/platform/index.ts'
import {
  type DecidedRecord,
  PolicySet,
  questionOf,
} from '../../packages/gateway/src/policy/index.ts'
import { readRecords } from '../../packages/gateway/src/verify/index.ts'
import { recordedRun, SECOND_POLICIES } from '../policy/recorded-run.ts'
import { run } from '../run-cli.ts'

// One in five shows no credential where one is needed: no policy is asked then.
const REQUESTS = 12_800
const DECISIONS_MIN = 10_000

const directory = mkdtempSync(join(tmpdir(), 'countersign-policy-'))
after(() => rmSync(directory, { recursive: true }))
const recorded = recordedRun(directory, REQUESTS)

test('10,000 decisions of a gateway are made again, from the ledger alone', async () => {
  const { data, sent } = await recorded
  const { exit, out, err } = await run(['policy', 'explain', '--all', '--data', data, '--json'])
  assert.equal(exit, 0, err)
  const { same, different, unknown } = JSON.parse(out) as Record<string, number>
  assert.deepEqual({ different, unknown }, { different: 0, unknown: 0 })

  assert.ok((same ?? 0) >= DECISIONS_MIN, `${same} of ${sent}`)
})

test('replay lists what the engine, asked about each record, would change', async () => {
  const { data } = await recorded
  const other = join(directory, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'other.cedar'), SECOND_POLICIES)
  const { out } = await run(['policy', 'replay', '--with', other, '--data', data, '--json'])
  const { changes } = JSON.parse(out) as {
    readonly changes: readonly { readonly index: number; readonly now: string }[]
  }
  const engine = PolicySet.compile([{ name: 'other.cedar', text: SECOND_POLICIES }], 'wasm')
  const expected: { index: number; now: string }[] = []
  const kinds = new Set(['intent', 'refusal'] as const)
  for await (const { index, sections } of readRecords({
    disk: nodeDisk(),
    data,
    epoch: 1,
    kinds,
  })) {
    const record = sections as unknown as DecidedRecord
    const question = record.why.requestSha256 === undefined ? undefined : questionOf(record)
    if (question === undefined) continue
    const { reason } = engine.decide(question, record.who.requestSalt ?? '')
    if (reason !== record.why.reason) expected.push({ index, now: reason })
  }
  assert.ok(expected.length > 100)
  assert.deepEqual(
    changes.map(({ index, now }) => ({ index, now })),
    expected,
  )
})

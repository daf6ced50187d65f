// Windows of relaxed recording, as an auditor reads them: packed and written ahead, honest and not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GapFacts, WindowFacts } from '@countersign/evidence'
import type { IntentDraft, Recorder } from '../../packages/gateway/src/recorder/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { DATA, MadeLedger } from '../tamper/made-ledger.ts'

const ASKED: IntentDraft = {
  who: { principal: { id: 'ada', kind: 'user', issuer: 'keys' } },
  where: { address: '192.0.2.7', port: 50_000 },
  what: { method: 'GET', scheme: 'http', authority: 'localhost:8080', path: '/orders' },
  why: { verdict: 'allow', reason: 'policy-permits', policies: ['orders'] },
  isRelaxed: true,
}
const DONE = { how: { ended: 'released', status: 200, source: 'upstream' } } as const
const BOUNDS = { recordsMax: 8, windowMs: 1_000 }
const AT = '2026-01-01T00:00:00.000000Z'
/** Behind the ledger's epoch and its start. */
const WINDOW = { about: { epoch: 1, index: 2 } }

async function traffic(recorder: Recorder, exchanges: number): Promise<void> {
  for (let done = 0; done < exchanges; done += 1) {
    await recorder.outcome(await recorder.intent(ASKED), DONE)
  }
}

async function opened(ledger: MadeLedger): Promise<Recorder> {
  const recorder = await ledger.start()
  recorder.windows.use(BOUNDS)
  await traffic(recorder, 2)
  await ledger.clock.advance(20)
  return recorder
}

async function audit(ledger: MadeLedger): Promise<Report> {
  const files = await ledger.files()
  return verifyDirectory({ disk: files.disk(), directory: DATA })
}

for (const segmentEntriesMax of [8, 65_536]) {
  const where = segmentEntriesMax === 8 ? 'packed' : 'written ahead'
  test(`${where}: windows that were renewed and closed hold`, async () => {
    const ledger = new MadeLedger(7, { segmentEntriesMax, preallocateBytes: 16_384 })
    const recorder = await opened(ledger)
    await traffic(recorder, 20)
    await ledger.publish()
    await ledger.stop(recorder)
    const { exit, bad } = await audit(ledger)
    assert.deepEqual([exit, bad], [0, []])
  })
  for (const power of ['kept', 'lost'] as const) {
    test(`${where}: so does one that a crash left open, power ${power}`, async () => {
      const ledger = new MadeLedger(7, { segmentEntriesMax, preallocateBytes: 16_384 })
      await traffic(await opened(ledger), 2)
      ledger.crash(power)
      const next = await ledger.start()
      await traffic(next, 3)
      await ledger.publish()
      await ledger.stop(next)
      const { exit, bad } = await audit(ledger)
      assert.deepEqual([exit, bad], [0, []])
    })
  }
}

const gap = (unrecordedMax: number): GapFacts => {
  return { reason: 'window-interrupted', from: AT, until: AT, unrecorded: 0, unrecordedMax }
}

for (const [what, forge, why] of [
  [
    'another window is opened beside it',
    (recorder) => recorder.act('window', { act: 'open', ...BOUNDS }),
    /window of record 2 is open still/,
  ],
  [
    'its bound is widened',
    (recorder) => forged(recorder, { act: 'renew', recordsMax: 900, windowMs: 1_000, records: 3 }),
    /other bounds than record 2/,
  ],
  [
    'its close counts more than there are',
    (recorder) => forged(recorder, { act: 'close', records: 7 }),
    /counts 7 relaxed records, and there are 3/,
  ],
  [
    'it is explained away while it lives',
    (recorder) => recorder.act('gap', gap(8), WINDOW),
    /its own incarnation is interrupted/,
  ],
] as const satisfies readonly (readonly [
  string,
  (recorder: Recorder) => Promise<unknown>,
  RegExp,
])[]) {
  test(`the audit fails where ${what}`, async () => {
    const ledger = new MadeLedger(7, { preallocateBytes: 16_384 })
    const recorder = await opened(ledger)
    await forge(recorder)
    await ledger.publish()
    const { exit, bad } = await audit(ledger)
    assert.equal(exit, 1)
    assert.match(bad.map((each) => each.why).join('\n'), why)
  })
}

function forged(recorder: Recorder, facts: WindowFacts): Promise<unknown> {
  return recorder.act('window', facts, WINDOW)
}

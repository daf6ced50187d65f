import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BlockFacts,
  type BlockFile,
  formatReceipt,
  parseReceipt,
  parseUuid,
} from '@countersign/evidence'
import type { IntentDraft, RefusalDraft } from './drafts.ts'
import type { Recorder } from './recorder.ts'
import { Machine, pairViolations, type ReadRecord } from './testing.ts'

const ADA: IntentDraft = {
  who: { principal: { id: 'ada', kind: 'user', issuer: 'keys' }, facts: { groups: ['readers'] } },
  where: { address: '192.0.2.7', port: 50_000 },
  what: { method: 'GET', scheme: 'http', authority: 'localhost:8080', path: '/orders/7' },
  why: { verdict: 'allow', reason: 'policy-permits', policies: ['orders'] },
}
const NOBODY: RefusalDraft = {
  where: { address: '192.0.2.9' },
  why: { verdict: 'deny', reason: 'credentials-missing' },
  how: { ended: 'released', status: 401, source: 'gateway', error: 'credentials-missing' },
}
const FAR = {
  request: { bytes: 3, sha256: 'a'.repeat(64) },
  response: { bytes: 5, sha256: 'b'.repeat(64) },
  messages: { request: 1, response: 2 },
} as const
const DONE = { how: { ended: 'released', status: 200, source: 'upstream' } } as const

test('an exchange becomes two records that hold together, between a start and a stop', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const intent = await recorder.intent(ADA)
  const outcome = await recorder.outcome(intent, DONE)
  await recorder.refusal(NOBODY)
  await machine.stop(recorder)
  const records = await machine.records()
  assert.deepEqual(kinds(records), [
    'epoch',
    'system start',
    'intent',
    'outcome',
    'refusal',
    'system stop',
  ])
  assert.deepEqual(pairViolations(records), [])
  assert.deepEqual(records[2]?.sections.who, ADA.who)
  assert.deepEqual(records[3]?.sections.how, DONE.how)
  assert.deepEqual(records[3]?.when.about, { epoch: 1, index: intent.index })
  assert.equal(records[2]?.when.id, intent.exchange)
  assert.equal(records[3]?.when.exchange, intent.exchange)
  assert.notEqual(records[3]?.when.id, intent.exchange)
  assert.deepEqual(records[outcome.index]?.leaf, outcome.leaf)
  assert.deepEqual(machine.faults, [])
})

test('who asks without a promise is told as others are, and never inside the call', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const seen: string[] = []
  const ends = Promise.withResolvers<unknown>()
  recorder.beginIntent(
    ADA,
    (intent) => {
      seen.push(`intent ${intent.isDurable}`)
      recorder.beginOutcome(
        intent,
        DONE,
        ({ isDurable }) => {
          seen.push(`outcome ${isDurable}`)
          recorder.beginOutcome(intent, DONE, ends.reject, ends.resolve)
          seen.push('asked twice')
        },
        ends.reject,
      )
    },
    ends.reject,
  )
  seen.push('asked')
  assert.equal(((await ends.promise) as { code: string }).code, 'RECORDER_INTENT_CLOSED')
  assert.deepEqual(seen, ['asked', 'intent true', 'outcome true', 'asked twice'])
  await machine.stop(recorder)
  assert.deepEqual(pairViolations(await machine.records()), [])
})

test('a long exchange tells how far it has come, and a crash leaves that and an end', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const [intent, other] = await Promise.all([recorder.intent(ADA), recorder.intent(ADA)])
  await recorder.progress(intent, FAR)
  await recorder.progress(other, FAR)
  await recorder.outcome(intent, { how: { ...DONE.how, ...FAR } })
  machine.crash()
  const next = await machine.start()
  await assert.rejects(next.progress(other, FAR), { code: 'RECORDER_INTENT_CLOSED' })
  await machine.stop(next)
  const records = await machine.records()
  assert.deepEqual(kinds(records), [
    'epoch',
    'system start',
    'intent',
    'intent',
    'progress',
    'progress',
    'outcome',
    'system start',
    'outcome',
    'system recovery',
    'system stop',
  ])
  assert.deepEqual(records[4]?.sections.how, FAR)
  assert.deepEqual(records[8]?.sections.how, { ended: 'interrupted' })
  assert.deepEqual(pairViolations(records), [])
})

test('an act names its actor by a number and points at the record that it concerns', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const [ada, ben] = ['ada', 'ben'].map((id) => recorder.actant({ issuer: 'keys', id }, 'api-key'))
  assert.match(ada?.subject ?? '', /^[0-9a-f]{32}$/)
  assert.notEqual(ada?.subject, ben?.subject)
  assert.deepEqual(recorder.actant({ issuer: 'keys', id: 'ada' }), { subject: ada?.subject })
  const asked = { act: 'asked', approval: '7', template: 'refund' } as const
  const { epoch, index } = await recorder.act('approval', asked, ada && { who: ada })
  const granted = { act: 'granted', approval: '7', uses: 2 } as const
  await recorder.act('approval', granted, { ...(ben && { who: ben }), about: { epoch, index } })
  const records = await machine.records()
  assert.deepEqual(records.at(-1)?.when.about, { epoch: 1, index })
  assert.deepEqual(records.at(-1)?.sections.who, ben)
  assert.deepEqual(records.at(-1)?.sections.what, granted)
  assert.deepEqual(pairViolations(records), [])
  await machine.stop(recorder)
})

test('the person, and what the route calls personal, is under a key of the person', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const plain = await recorder.intent(ADA)
  const personal = await recorder.intent({ ...ADA, personal: ['what', 'how'] })
  await recorder.outcome(plain, DONE)
  await recorder.outcome(personal, DONE)
  await recorder.refusal(NOBODY)
  const [, , first, second, firstEnd, secondEnd, refusal] = await machine.records()
  const ledgerKey = first?.keyIds.when
  const adasKey = first?.keyIds.who
  assert.notEqual(adasKey, ledgerKey)
  assert.equal(first?.keyIds.where, adasKey)
  assert.equal(first?.keyIds.what, ledgerKey)
  assert.deepEqual(first?.sections.seal, { keys: { who: adasKey, where: adasKey } })
  assert.equal(second?.keyIds.what, adasKey)
  assert.equal(firstEnd?.sections.seal, undefined)
  assert.deepEqual(secondEnd?.sections.seal, { keys: { how: adasKey } })
  assert.notEqual(refusal?.keyIds.where, adasKey)
  assert.notEqual(refusal?.keyIds.where, ledgerKey)
})

test('an exchange has one end, whoever asks for a second', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const intent = await recorder.intent(ADA)
  await recorder.outcome(intent, DONE)
  await assert.rejects(recorder.outcome(intent, DONE), { code: 'RECORDER_INTENT_CLOSED' })
  await machine.stop(recorder)
  assert.deepEqual(pairViolations(await machine.records()), [])
})

test('a crash leaves open intents that the next start closes as interrupted', async () => {
  const machine = new Machine()
  const before = await machine.start()
  const open = await before.intent(ADA)
  const closed = await before.intent(ADA)
  await before.outcome(closed, DONE)
  machine.crash()
  const recorder = await machine.start()
  await assert.rejects(recorder.outcome(open, DONE), { code: 'RECORDER_INTENT_CLOSED' })
  // What the crash left is published at once, and its finished files are told of.
  const all = await machine.records()
  const records = all.filter(({ when }) => when.kind !== 'block')
  assert.deepEqual(kinds(records).slice(-3), ['system start', 'outcome', 'system recovery'])
  const end = records.at(-2)
  assert.deepEqual(end?.sections.how, { ended: 'interrupted' })
  assert.deepEqual(end?.when.about, { epoch: 1, index: open.index })
  assert.equal(end?.when.exchange, open.exchange)
  assert.deepEqual(records.at(-1)?.sections.what, { act: 'recovery', interrupted: 1 })
  assert.deepEqual(pairViolations(all), [])
})

test('2,500 interrupted intents are closed before anything new is taken', async () => {
  const machine = new Machine()
  const before = await machine.start()
  await Promise.all(Array.from({ length: 2500 }, () => before.intent(ADA)))
  machine.crash('kept')
  const recorder = await machine.start()
  const { index } = await recorder.intent(ADA)
  assert.equal(index, 2 + 2500 + 1 + 2500 + 1)
})

test('a stop with an exchange still open writes no stop record', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  await recorder.intent(ADA)
  await machine.stop(recorder)
  assert.equal(kinds(await machine.records()).at(-1), 'intent')
  await assert.rejects(recorder.intent(ADA), { code: 'RECORDER_STOPPED' })
})

test('an idle ledger has a heartbeat a minute, which a busy one needs not', async () => {
  const machine = new Machine()
  machine.publishEveryMs = 30_000
  const recorder = await machine.start()
  for (let minute = 0; minute < 3; minute++) await machine.clock.advance(60_000)
  for (let second = 0; second < 90; second++) {
    await recorder.refusal(NOBODY)
    await machine.clock.advance(1_000)
  }
  const records = await machine.records()
  const beats = records.filter((_, at) => kinds(records)[at] === 'system heartbeat')
  assert.equal(beats.length, 3)
  assert.deepEqual(pairViolations(records), [])
})

test('a clock set back is flagged until it is past the highest time on record', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  await recorder.refusal(NOBODY)
  machine.clock.jump(-3_600_000_000)
  await recorder.refusal(NOBODY)
  machine.clock.jump(1_800_000_000)
  await recorder.refusal(NOBODY)
  machine.clock.jump(1_801_000_000)
  await recorder.refusal(NOBODY)
  await recorder.refusal(NOBODY)
  const records = await machine.records()
  const states = records.slice(2).map(({ when }) => when.clock)
  assert.deepEqual(states, [undefined, 'behind', 'behind', 'ahead', undefined])
  assert.deepEqual(pairViolations(records), [])
})

test('a process that was not run for an hour says so before it goes on', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const { clock } = machine
  // Both clocks go on while no timer runs: what SIGSTOP does.
  const ticksMs = clock.ticksMs.bind(clock)
  clock.ticksMs = () => ticksMs() + 3_600_000
  clock.jump(3_600_000_000)
  await recorder.refusal(NOBODY)
  const records = await machine.records()
  assert.deepEqual(kinds(records).slice(-2), ['gap', 'refusal'])
  assert.deepEqual(pairViolations(records), [])
})

test('a full disk turns requests away, and is told of when space returns', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const intent = await recorder.intent(ADA)
  machine.disk.setCapacity(1)
  const refused = await attempts(recorder, 200)
  assert.equal(refused.at(-1), 'RECORDER_UNAVAILABLE')
  await machine.clock.advance(600_000)
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(5_000)
  await recorder.outcome(intent, DONE)
  const records = await machine.records()
  const gap = records.find(({ kind }) => kind === 'gap')?.sections.what
  const missed = refused.filter((code) => code !== undefined).length
  assert.ok(missed > 0 && gap !== undefined && 'unrecorded' in gap)
  assert.equal(gap.unrecorded, missed)
  assert.deepEqual(pairViolations(records), [])
  assert.deepEqual(machine.faults, [])
})

test('an outcome that could not be written is written as unrecorded when it can be', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const open = await Promise.all(Array.from({ length: 60 }, () => recorder.intent(ADA)))
  machine.disk.setCapacity(1)
  const ends = await Promise.allSettled(open.map((intent) => recorder.outcome(intent, LONG)))
  const failed = ends.filter(({ status }) => status === 'rejected').length
  assert.ok(failed > 0)
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(5_000)
  await machine.stop(recorder)
  const records = await machine.records()
  const unrecorded = records.filter(({ sections }) => errorOf(sections) === 'outcome-unrecorded')
  assert.equal(unrecorded.length, failed)
  assert.equal(kinds(records).at(-1), 'system stop')
  assert.deepEqual(pairViolations(records), [])
})

test('a ledger that dies is followed by a new incarnation that tells of it', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const open = await recorder.intent(ADA)
  machine.disk.inject({ operation: 'write', nth: 1, path: 'wal' })
  await assert.rejects(recorder.refusal(NOBODY), { code: 'RECORDER_UNAVAILABLE' })
  await machine.clock.advance(5_000)
  await assert.rejects(recorder.outcome(open, DONE), { code: 'RECORDER_INTENT_CLOSED' })
  await recorder.refusal(NOBODY)
  const records = await machine.records()
  assert.deepEqual(pairViolations(records), [])
  assert.equal(records.at(-1)?.when.incarnation, 2)
  const gap = records.find(({ kind }) => kind === 'gap')?.sections.what
  assert.ok(gap !== undefined && 'unrecorded' in gap)
  assert.equal(gap.unrecorded, 1)
})

test('block records tell of each finished file once, and die out', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  for (let round = 0; round < 6; round++) {
    await Promise.all(Array.from({ length: 200 }, () => recorder.refusal(NOBODY)))
    await machine.clock.advance(2_000)
  }
  await machine.clock.advance(30_000)
  const records = await machine.records()
  const files = records.filter(({ kind }) => kind === 'block').flatMap(filesOf)
  assert.ok(files.some(({ path }) => path === 'records/003'))
  assert.equal(new Set(files.map(({ path }) => path)).size, files.length)
  for (const { path, sha256, bytes } of files) {
    const file = await machine.disk.read(`/data/1/${path}`)
    assert.equal(file.length, bytes)
    assert.equal(hex(await crypto.subtle.digest('SHA-256', Uint8Array.from(file))), sha256)
  }
  const size = records.length
  await machine.clock.advance(20_000)
  assert.equal((await machine.records()).length, size)
})

test('a section too large or not strict is refused, and the exchange still ends', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const path = `/${'a'.repeat(65_536)}`
  const large = recorder.intent({ ...ADA, what: { ...ADA.what, path } })
  await assert.rejects(large, { code: 'RECORDER_TOO_LARGE' })
  const who = { ...ADA.who, facts: { score: 0.5 } }
  await assert.rejects(recorder.intent({ ...ADA, who }), { code: 'RECORDER_NOT_STRICT' })
  const intent = await recorder.intent(ADA)
  const via = { upstream: 'a'.repeat(65_536), attempts: 1 }
  const unwritable = recorder.outcome(intent, { ...DONE, via: { ...via } })
  await assert.rejects(unwritable, { code: 'RECORDER_TOO_LARGE' })
  await machine.stop(recorder)
  assert.deepEqual(pairViolations(await machine.records()), [])
})

test('a record that was refused leaves nothing open: the stop after it is clean', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const what = { ...ADA.what, path: `/${'a'.repeat(65_536)}` }
  await assert.rejects(recorder.intent({ ...ADA, what }), { code: 'RECORDER_TOO_LARGE' })
  await machine.stop(recorder)
  assert.equal(kinds(await machine.records()).at(-1), 'system stop')
})

test('what tells of nobody is under the key of its month, and of no month before', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  for (const days of [0, 0, 40]) {
    machine.clock.jump(days * 86_400_000_000)
    await recorder.refusal(NOBODY)
  }
  const [first, second, later] = (await machine.records())
    .filter(({ kind }) => kind === 'refusal')
    .map(({ keyIds }) => keyIds.when)
  assert.equal(first, second)
  assert.notEqual(second, later)
})

test('text that has no utf-8 is recorded without it', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const where = { address: '192.0.2.7', userAgent: 'a\ud800b \\ud800' }
  await recorder.refusal({ ...NOBODY, where })
  const last = (await machine.records()).at(-1)
  assert.deepEqual(last?.sections.where, { ...where, userAgent: 'a\ufffdb \\ud800' })
})

test('a receipt names its record, and its opening value depends on every part of it', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const first = await recorder.refusal(NOBODY)
  const second = await recorder.refusal(NOBODY)
  assert.deepEqual(parseReceipt(formatReceipt(first.receipt)), first.receipt)
  assert.equal(first.receiptField, formatReceipt(first.receipt))
  assert.notDeepEqual(first.receipt.open, second.receipt.open)
  assert.deepEqual(first.receipt.open, first.receipt.open)
})

test('ids follow one another in time and name the exchange', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  const exchange = recorder.newExchange()
  const recorded = await recorder.intent({ ...ADA, exchange })
  assert.equal(recorded.exchange, exchange)
  await machine.clock.advance(1)
  assert.ok(recorder.newExchange() > exchange)
  assert.throws(() => parseUuid('not an id'))
})

const LONG = {
  via: { upstream: 'u'.repeat(2_000), attempts: 1 },
  how: { ended: 'released', status: 200, source: 'upstream' },
} as const

async function attempts(recorder: Recorder, count: number): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = []
  for (let attempt = 0; attempt < count; attempt++) {
    codes.push(
      await recorder.refusal(NOBODY).then(
        () => undefined,
        (error: { readonly code: string }) => error.code,
      ),
    )
  }
  return codes
}

function kinds(records: readonly ReadRecord[]): readonly string[] {
  return records.map(({ kind, sections }) => {
    const { what } = sections
    return kind === 'system' && what !== undefined && 'act' in what ? `${kind} ${what.act}` : kind
  })
}

function filesOf({ sections: { what } }: ReadRecord): readonly BlockFile[] {
  return (what as BlockFacts).files
}

function errorOf({ how }: ReadRecord['sections']): string | undefined {
  return how !== undefined && 'error' in how ? how.error : undefined
}

function hex(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString('hex')
}

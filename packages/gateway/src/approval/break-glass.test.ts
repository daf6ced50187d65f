// Breaking the glass, with a real recorder and ledger on a simulated machine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AlertFacts, ApprovalFacts } from '@countersign/evidence'
import { Machine, pairViolations } from '../recorder/testing.ts'
import { breakGlassConfigSchema } from './approval-config.ts'
import type { ApprovalErrorCode } from './approval-error.ts'
import { BreakGlass } from './break-glass.ts'
import type { Person } from './person.ts'

const LASTS_MS = 20_000
const REVIEW_MS = 60_000
const person = (id: string, ...roles: string[]): Person => {
  return { issuer: 'keys', id, groups: [], roles }
}
const [ADA, BEN, LEA, EVE] = [
  person('ada', 'oncall'),
  person('ben', 'oncall'),
  person('lea', 'lead'),
  person('eve'),
]

type Recorder = Awaited<ReturnType<Machine['start']>>
type Settings = Parameters<typeof breakGlassConfigSchema.parse>[0]

async function open(machine: Machine, recorder: Recorder, settings?: Settings) {
  await machine.disk.makeDirectory('/data/state')
  const { clock, random, disk } = machine
  const path = '/data/state/break-glass.json'
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  const parsed = breakGlassConfigSchema.parse({
    members: [{ role: 'oncall' }],
    reviewers: [{ role: 'lead' }],
    confirmWithinMs: 30_000,
    forMsMax: LASTS_MS,
    reviewWithinMs: REVIEW_MS,
    ...(settings as object | undefined),
  })
  const config = (): typeof parsed => parsed
  return BreakGlass.open({ clock, random, disk, path, recorder, config, onFault })
}

async function started(settings?: Settings) {
  const machine = new Machine()
  const recorder = await machine.start()
  return { machine, recorder, glass: await open(machine, recorder, settings) }
}

async function active(settings?: Settings) {
  const parts = await started(settings)
  const { id } = await parts.glass.activate({ by: ADA, reason: 'orders are down' })
  await parts.glass.confirm(id, BEN)
  return { ...parts, id }
}

async function acts(machine: Machine): Promise<readonly string[]> {
  const records = await machine.records()
  assert.deepEqual(pairViolations(records), [])
  return records
    .filter(({ kind }) => kind === 'approval' || kind === 'alert')
    .map(({ kind, sections }) => {
      if (kind === 'approval') return (sections.what as unknown as ApprovalFacts).act
      const { act, rule } = sections.what as unknown as AlertFacts
      return `${act} ${rule}`
    })
}

const code = (want: ApprovalErrorCode) => ({ code: want })

test('it takes a reason and a second person, and raises an alert first', async () => {
  const { glass, machine } = await started()
  const { id, state } = await glass.activate({ by: ADA, reason: 'orders are down' })
  assert.equal(state, 'asked')
  assert.equal(glass.activeOf(ADA, machine.clock.nowUs()), undefined)
  assert.deepEqual(await acts(machine), ['asked'])
  const confirmed = glass.confirm(id, BEN)
  assert.equal(glass.activeOf(ADA, machine.clock.nowUs()), undefined)
  await confirmed
  assert.equal(glass.activeOf(ADA, machine.clock.nowUs()), id)
  assert.equal(glass.activeOf(BEN, machine.clock.nowUs()), undefined)
  assert.deepEqual(await acts(machine), ['asked', 'granted', 'raised break-glass'])
  glass.close()
})

for (const [name, by, want] of [
  ['whoever asks', ADA, 'APPROVAL_OWN'],
  ['the same person under another key', person('ada', 'oncall', 'lead'), 'APPROVAL_OWN'],
  ['somebody who may not', EVE, 'APPROVAL_NOT_ALLOWED'],
] as const) {
  test(`${name} is no second person`, async () => {
    const { glass, machine } = await started()
    const { id } = await glass.activate({ by: ADA, reason: 'orders are down' })
    await assert.rejects(glass.confirm(id, by), code(want))
    assert.equal(glass.activeOf(ADA, machine.clock.nowUs()), undefined)
    glass.close()
  })
}

test('only members break the glass, and for no longer than they may', async () => {
  const { glass, machine } = await started()
  const reason = 'because'
  await assert.rejects(glass.activate({ by: EVE, reason }), code('APPROVAL_NOT_ALLOWED'))
  const forMs = LASTS_MS + 1
  await assert.rejects(glass.activate({ by: ADA, reason, forMs }), code('APPROVAL_TOO_WIDE'))
  assert.deepEqual(await acts(machine), [])
  glass.close()
})

for (const [confirm, agoMs, want] of [
  ['second-factor', 60_000, 'active'],
  ['either', 60_000, 'active'],
  ['either', 600_000, 'asked'],
  ['either', undefined, 'asked'],
  ['second-person', 60_000, 'asked'],
] as const) {
  const shown = agoMs === undefined ? 'never shown' : `shown ${agoMs} ms ago`
  test(`${confirm}, and a second factor ${shown}: ${want}`, async () => {
    const { glass, machine } = await started({ confirm })
    const nowUs = machine.clock.nowUs()
    const mfaAtUs = agoMs === undefined ? undefined : nowUs - agoMs * 1000
    const { state } = await glass.activate({ by: { ...ADA, mfaAtUs }, reason: 'because' })
    assert.equal(state, want)
    assert.equal(glass.activeOf(ADA, nowUs) === undefined, want === 'asked')
    glass.close()
  })
}

test('where a second factor is demanded, an old one is refused', async () => {
  const { glass } = await started({ confirm: 'second-factor' })
  const by = { ...ADA, mfaAtUs: 0 }
  await assert.rejects(glass.activate({ by, reason: 'x' }), code('APPROVAL_NOT_ALLOWED'))
  glass.close()
})

test('it ends by itself, and is overdue until somebody else has looked', async () => {
  const { glass, machine, id } = await active()
  const nowUs = (): number => machine.clock.nowUs()
  await assert.rejects(
    glass.review(id, { by: LEA, note: 'fine', isReviewer: false }),
    code('APPROVAL_STILL_ACTIVE'),
  )
  await machine.clock.advance(LASTS_MS + 1_000)
  assert.equal(glass.activeOf(ADA, nowUs()), undefined)
  assert.deepEqual([glass.list().length, glass.overdue(nowUs())], [1, 0])
  await machine.clock.advance(REVIEW_MS)
  assert.equal(glass.overdue(nowUs()), 1)
  const overdue = 'raised break-glass-review-overdue'
  const before = ['asked', 'granted', 'raised break-glass', 'expired', overdue]
  assert.deepEqual(await acts(machine), before)
  const note = 'restarted the orders, nothing else'
  for (const [by, want] of [
    [ADA, 'APPROVAL_OWN'],
    [EVE, 'APPROVAL_NOT_ALLOWED'],
  ] as const) {
    await assert.rejects(glass.review(id, { by, note, isReviewer: false }), code(want))
  }
  await glass.review(id, { by: LEA, note, isReviewer: false })
  assert.deepEqual([glass.list().length, glass.overdue(nowUs())], [0, 0])
  assert.deepEqual(await acts(machine), [...before, 'closed break-glass'])
  glass.close()
})

test('an activation and its review survive a loss of power', async () => {
  const { glass, machine, id } = await active()
  glass.close()
  machine.crash('lost')
  const again = await open(machine, await machine.start())
  assert.equal(again.activeOf(ADA, machine.clock.nowUs()), id)
  await machine.clock.advance(LASTS_MS + REVIEW_MS + 2_000)
  assert.equal(again.activeOf(ADA, machine.clock.nowUs()), undefined)
  assert.equal(again.overdue(machine.clock.nowUs()), 1)
  again.close()
})

test('one person has one at a time', async () => {
  const { glass } = await active()
  await assert.rejects(glass.activate({ by: ADA, reason: 'again' }), code('APPROVAL_ANSWERED'))
  assert.equal((await glass.activate({ by: BEN, reason: 'because' })).state, 'asked')
  glass.close()
})

for (const confirm of ['second-person', 'second-factor'] as const) {
  test(`one person has one, though two are asked for at once (${confirm})`, async () => {
    const { glass, machine } = await started({ confirm })
    const by = { ...ADA, mfaAtUs: machine.clock.nowUs() }
    const both = await Promise.allSettled([
      glass.activate({ by, reason: 'one' }),
      glass.activate({ by, reason: 'two' }),
    ])
    const refused = both.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    assert.equal(refused.length, 1)
    await assert.rejects(Promise.reject(refused[0]), code('APPROVAL_ANSWERED'))
    assert.equal(glass.list().length, 1)
    const asked = (await acts(machine)).filter((act) => act === 'asked')
    assert.equal(asked.length, 1)
    glass.close()
  })
}

test('an asking that nobody confirms lapses', async () => {
  const { glass, machine } = await started()
  const { id } = await glass.activate({ by: ADA, reason: 'because' })
  await machine.clock.advance(31_000)
  await assert.rejects(glass.confirm(id, BEN), code('APPROVAL_UNKNOWN'))
  assert.deepEqual(await acts(machine), ['asked', 'expired'])
  assert.deepEqual(glass.list(), [])
  glass.close()
})

test('what cannot be recorded is not activated, and not closed', async () => {
  const { glass, machine, recorder, id } = await active()
  const { id: second } = await glass.activate({ by: BEN, reason: 'because' })
  await machine.clock.advance(LASTS_MS + 1_000)
  await recorder.stop('test')
  await assert.rejects(glass.activate({ by: ADA, reason: 'because' }))
  await assert.rejects(glass.confirm(second, ADA))
  await assert.rejects(glass.review(id, { by: LEA, note: 'x', isReviewer: true }))
  assert.equal(glass.activeOf(BEN, machine.clock.nowUs()), undefined)
  assert.equal(
    glass.list().some((each) => each.id === id),
    true,
  )
  glass.close()
})

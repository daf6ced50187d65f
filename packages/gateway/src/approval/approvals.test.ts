// Approvals with a real recorder and ledger on a simulated machine: the test owns time and disk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApprovalFacts } from '@countersign/evidence'
import { Machine, pairViolations } from '../recorder/testing.ts'
import { approvalsConfigSchema } from './approval-config.ts'
import type { ApprovalErrorCode } from './approval-error.ts'
import { Approvals, type Asking, PENDING_OF_ONE_MAX, type Redemption } from './approvals.ts'
import type { Person } from './person.ts'

const CONFIG = approvalsConfigSchema.parse({
  waitMs: 600_000,
  templates: {
    refund: {
      approvers: [{ role: 'lead' }],
      methods: ['POST'],
      path: '/orders/*/refund',
      usesMax: 5,
      forMsMax: 3_600_000,
    },
  },
})
const code = (want: ApprovalErrorCode) => ({ code: want })
const person = (id: string, ...roles: string[]): Person => {
  return { issuer: 'keys', id, groups: [], roles }
}
const [ADA, LEA, BEN] = [person('ada', 'lead'), person('lea', 'lead'), person('ben')]
const PATH = '/orders/7/refund'
const EXCHANGE = '019aa577-85a8-71f7-bfff-ffffffffffff'
const ASKING: Asking = {
  principal: ADA,
  templates: ['refund'],
  method: 'POST',
  path: PATH,
  exchange: EXCHANGE,
  isPersonal: false,
}
const USE: Redemption = {
  principal: ADA,
  templates: ['refund'],
  method: 'POST',
  path: PATH,
  exchange: EXCHANGE,
}

type Recorder = Awaited<ReturnType<Machine['start']>>

async function open(
  machine: Machine,
  recorder: Recorder,
  settings: typeof CONFIG = CONFIG,
): Promise<Approvals> {
  await machine.disk.makeDirectory('/data/state')
  const { clock, random, disk } = machine
  const path = '/data/state/approvals.json'
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  const config = (): typeof CONFIG => settings
  return Approvals.open({ clock, random, disk, path, recorder, config, onFault })
}

async function started() {
  const machine = new Machine()
  const recorder = await machine.start()
  return { machine, recorder, approvals: await open(machine, recorder) }
}

async function granted(uses: number, forMs = 3_600_000) {
  const parts = await started()
  const asked = await parts.approvals.ask(ASKING)
  assert.ok(asked)
  await parts.approvals.grant(asked.id, { by: LEA, uses, forMs })
  return { ...parts, id: asked.id }
}

async function acts(machine: Machine): Promise<readonly string[]> {
  const records = await machine.records()
  assert.deepEqual(pairViolations(records), [])
  return records
    .filter(({ kind }) => kind === 'approval')
    .map(({ sections }) => {
      const { act, use, uses } = sections.what as unknown as ApprovalFacts
      return act === 'used' ? `used ${use}/${uses}` : act
    })
}

test('a template that the configuration has no longer counts no longer', async () => {
  const parts = await started()
  const asked = await parts.approvals.ask(ASKING)
  await parts.approvals.grant(asked?.id ?? '', { by: LEA })
  parts.approvals.close()
  const none = approvalsConfigSchema.parse({})
  const again = await open(parts.machine, parts.recorder, none)
  assert.deepEqual(again.inForce(USE, parts.machine.clock.nowUs()), [])
  await assert.rejects(again.redeem(USE), code('APPROVAL_SPENT'))
  again.close()
})

test('an approval is asked for, granted, used and used up, each step on record', async () => {
  const { approvals, machine, id } = await granted(2)
  const atUs = machine.clock.nowUs()
  assert.deepEqual(approvals.inForce(USE, atUs), ['refund'])
  assert.deepEqual(await approvals.redeem(USE), {
    approval: id,
    template: 'refund',
    use: 1,
    uses: 2,
  })
  await approvals.redeem(USE)
  assert.deepEqual(approvals.inForce(USE, atUs), [])
  await assert.rejects(approvals.redeem(USE), code('APPROVAL_SPENT'))
  assert.deepEqual(await acts(machine), ['asked', 'granted', 'used 1/2', 'used 2/2', 'used-up'])
  assert.deepEqual(approvals.list(), [])
  approvals.close()
})

test('each step points at the one before, and nobody is named', async () => {
  const { approvals, machine } = await granted(1)
  await approvals.redeem(USE)
  const [asked, grant, used, end] = (await machine.records()).filter(
    ({ kind }) => kind === 'approval',
  )
  assert.equal(asked?.when.about, undefined)
  assert.equal(grant?.when.about?.index, asked?.index)
  assert.equal(used?.when.about?.index, grant?.index)
  assert.equal(end?.when.about?.index, grant?.index)
  const text = JSON.stringify([asked, grant, used, end].map((record) => record?.sections))
  assert.doesNotMatch(text, /\b(ada|lea)\b/)
  approvals.close()
})

test('asked for a hundred times at once and again, it is one approval', async () => {
  const { approvals, machine } = await started()
  const asked = await Promise.all(Array.from({ length: 100 }, () => approvals.ask(ASKING)))
  asked.push(await approvals.ask(ASKING))
  assert.equal(new Set(asked.map((each) => each?.id)).size, 1)
  assert.deepEqual(await acts(machine), ['asked'])
  approvals.close()
})

test('nobody can make more of them wait than are read', async () => {
  const { approvals } = await started()
  for (let nth = 0; nth < PENDING_OF_ONE_MAX; nth += 1) {
    await approvals.ask({ ...ASKING, path: `/orders/${nth}/refund` })
  }
  await assert.rejects(approvals.ask({ ...ASKING, path: '/x' }), code('APPROVAL_FULL'))
  assert.ok(await approvals.ask({ ...ASKING, principal: BEN }))
  approvals.close()
})

test('where the path may tell of a person, the pattern of the template is asked for', async () => {
  const { approvals } = await started()
  const asked = await approvals.ask({ ...ASKING, isPersonal: true })
  assert.equal(asked?.path, '/orders/*/refund')
  approvals.close()
})

test('a template that nobody configured is not asked for', async () => {
  const { approvals, machine } = await started()
  assert.equal(await approvals.ask({ ...ASKING, templates: ['unknown'] }), undefined)
  assert.deepEqual(await acts(machine), [])
  approvals.close()
})

for (const [name, order, want] of [
  ['whoever asks', { by: ADA }, 'APPROVAL_OWN'],
  [
    'a name like that of who asks, from elsewhere',
    { by: { ...ADA, issuer: 'https://login.example' } },
    'APPROVAL_OWN',
  ],
  ['somebody without the role', { by: BEN }, 'APPROVAL_NOT_ALLOWED'],
  [
    'the role of another issuer',
    { by: { ...LEA, issuer: 'https://login.example' } },
    'APPROVAL_NOT_ALLOWED',
  ],
  ['more uses than the template has', { by: LEA, uses: 6 }, 'APPROVAL_TOO_WIDE'],
  ['longer than the template lasts', { by: LEA, forMs: 3_600_001 }, 'APPROVAL_TOO_WIDE'],
  ['a method beyond', { by: LEA, methods: ['POST', 'DELETE'] }, 'APPROVAL_TOO_WIDE'],
  ['a path beyond', { by: LEA, path: '/orders/**' }, 'APPROVAL_TOO_WIDE'],
  ['another path', { by: LEA, path: '/orders/8/refund' }, 'APPROVAL_TOO_WIDE'],
] as const) {
  test(`a grant by or of ${name} is refused, and nothing is granted`, async () => {
    const { approvals, machine } = await started()
    const asked = await approvals.ask(ASKING)
    await assert.rejects(approvals.grant(asked?.id ?? '', order), code(want))
    assert.deepEqual(approvals.inForce(USE, machine.clock.nowUs()), [])
    assert.deepEqual(await acts(machine), ['asked'])
    approvals.close()
  })
}

test('an approval is answered once', async () => {
  const { approvals, machine, id } = await granted(1)
  await assert.rejects(approvals.grant(id, { by: LEA, uses: 5 }), code('APPROVAL_ANSWERED'))
  assert.deepEqual(await acts(machine), ['asked', 'granted'])
  approvals.close()
})

test('two answers at once are one', async () => {
  const { approvals, machine } = await started()
  const { id = '' } = (await approvals.ask(ASKING)) ?? {}
  const ends = await Promise.allSettled([
    approvals.grant(id, { by: LEA }),
    approvals.grant(id, { by: LEA }),
    approvals.deny(id, { by: LEA, reason: undefined }),
  ])
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  assert.deepEqual(await acts(machine), ['asked', 'granted'])
  approvals.close()
})

for (const [name, use] of [
  ['another principal', { principal: BEN }],
  ['another method', { method: 'PUT' }],
  ['another path', { path: '/orders/8/refund' }],
  ['another template', { templates: ['other'] }],
] as const) {
  test(`a grant is no good for ${name}`, async () => {
    const { approvals } = await granted(5)
    await assert.rejects(approvals.redeem({ ...USE, ...use }), code('APPROVAL_SPENT'))
    approvals.close()
  })
}

test('a hundred requests at once have as many uses as were granted, each another one', async () => {
  const { approvals, machine } = await granted(5)
  const ends = await Promise.allSettled(Array.from({ length: 100 }, () => approvals.redeem(USE)))
  const uses = ends.flatMap((end) => (end.status === 'fulfilled' ? end.value.use : []))
  assert.deepEqual(uses, [1, 2, 3, 4, 5])
  const used = uses.map((use) => `used ${use}/5`)
  assert.deepEqual(await acts(machine), ['asked', 'granted', ...used, 'used-up'])
  approvals.close()
})

test('a use that is named is good once, and in its order', async () => {
  const { approvals, id } = await granted(3)
  await approvals.redeem({ ...USE, named: { id, use: 1 } })
  await assert.rejects(approvals.redeem({ ...USE, named: { id, use: 1 } }), code('APPROVAL_SPENT'))
  await assert.rejects(approvals.redeem({ ...USE, named: { id, use: 3 } }), code('APPROVAL_SPENT'))
  const named = { id: 'a-0000000000000000', use: undefined }
  await assert.rejects(approvals.redeem({ ...USE, named }), code('APPROVAL_SPENT'))
  await approvals.redeem({ ...USE, named: { id, use: 2 } })
  approvals.close()
})

test('when its time is over a grant is over, on record', async () => {
  const { approvals, machine } = await granted(5, 30_000)
  await approvals.redeem(USE)
  await machine.clock.advance(30_000)
  assert.deepEqual(approvals.inForce(USE, machine.clock.nowUs()), [])
  await assert.rejects(approvals.redeem(USE), code('APPROVAL_SPENT'))
  await machine.clock.advance(1_000)
  assert.deepEqual(await acts(machine), ['asked', 'granted', 'used 1/5', 'expired'])
  approvals.close()
})

test('an asking that nobody answers lapses, and can be asked for again', async () => {
  const { approvals, machine } = await started()
  const first = await approvals.ask(ASKING)
  await machine.clock.advance(601_000)
  await assert.rejects(approvals.grant(first?.id ?? '', { by: LEA }), code('APPROVAL_UNKNOWN'))
  const second = await approvals.ask(ASKING)
  assert.notEqual(second?.id, first?.id)
  assert.deepEqual(await acts(machine), ['asked', 'expired', 'asked'])
  approvals.close()
})

test('what was granted can be taken back', async () => {
  const { approvals, machine, id } = await granted(5)
  await approvals.deny(id, { by: LEA, reason: 'changed my mind' })
  await assert.rejects(approvals.redeem(USE), code('APPROVAL_SPENT'))
  assert.deepEqual(await acts(machine), ['asked', 'granted', 'denied'])
  approvals.close()
})

test('what is taken back while a use of it is being spent is not used', async () => {
  const { approvals, machine, id } = await granted(5)
  const using = assert.rejects(approvals.redeem(USE), code('APPROVAL_SPENT'))
  await approvals.deny(id, { by: LEA, reason: undefined })
  await using
  assert.deepEqual(await acts(machine), ['asked', 'granted', 'denied'])
  approvals.close()
})

const DEATHS = ['rename approvals.json', 'write approvals.json', 'write /wal/'].flatMap((where) => {
  return [1, 2, 3, 4].map((nth) => [where, nth] as const)
})

for (const [where, nth] of DEATHS) {
  test(`a death at the ${nth}. ${where} leaves no use more than was granted`, async () => {
    const { approvals, machine } = await granted(3)
    let passed = 0
    const [operation, path = ''] = where.split(' ')
    machine.disk.inject({ operation: operation as 'write', nth, path })
    for (let tries = 0; tries < 3; tries += 1) {
      try {
        await approvals.redeem(USE)
        passed += 1
      } catch {
        break // The process dies here.
      }
    }
    approvals.close()
    machine.crash('lost')
    const again = await open(machine, await machine.start())
    for (let tries = 0; tries < 10; tries += 1) {
      passed += await again.redeem(USE).then(
        () => 1,
        () => 0,
      )
    }
    assert.ok(passed <= 3, `${passed} uses of 3`)
    assert.ok(passed >= 2, `${passed} uses of 3: more than one is lost`)
    await machine.clock.advance(5_000)
    assert.equal((await acts(machine)).at(-1), 'used-up')
    again.close()
  })
}

test('what cannot be recorded is neither asked, granted nor used', async () => {
  const { approvals, machine, recorder, id } = await granted(5)
  const asked = await approvals.ask({ ...ASKING, path: '/orders/8/refund' })
  await recorder.stop('test')
  await assert.rejects(approvals.ask({ ...ASKING, path: '/orders/9/refund' }))
  await assert.rejects(approvals.grant(asked?.id ?? '', { by: LEA }))
  await assert.rejects(approvals.redeem(USE))
  await assert.rejects(approvals.deny(id, { by: LEA, reason: undefined }))
  assert.equal(approvals.list().length, 2)
  assert.equal(approvals.list().find((each) => each.id === id)?.grant?.used, 1)
  assert.deepEqual(approvals.inForce(USE, machine.clock.nowUs()), ['refund'])
  approvals.close()
})

for (const path of ['/orders/*/refund', '/orders/**', '/*/7/refund']) {
  test(`${path} is asked for by nobody: a grant of it would be for other paths`, async () => {
    const { approvals, machine } = await started()
    assert.equal(await approvals.ask({ ...ASKING, path }), undefined)
    assert.deepEqual(approvals.list(), [])
    assert.deepEqual(await acts(machine), [])
    approvals.close()
  })
}

/** A disk that takes no state while `isBroken` says so. */
function breakable(disk: Machine['disk'], isBroken: () => boolean): Machine['disk'] {
  return new Proxy(disk, {
    get(target, name) {
      if (name === 'open' && isBroken()) return () => Promise.reject(new Error('no space'))
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

test('a grant that is on record counts, though the disk does not take it at first', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  let isBroken = false
  const disk = breakable(machine.disk, () => isBroken)
  const approvals = await open(Object.assign(Object.create(machine), { disk }), recorder)
  const asked = await approvals.ask(ASKING)
  isBroken = true
  const id = asked?.id ?? ''
  await assert.rejects(approvals.grant(id, { by: LEA, uses: 2 }), code('APPROVAL_UNSAVED'))
  assert.deepEqual(await acts(machine), ['asked', 'granted'])
  assert.deepEqual(approvals.inForce(USE, machine.clock.nowUs()), ['refund'])
  await assert.rejects(approvals.redeem(USE))
  isBroken = false
  await machine.clock.advance(2_000)
  approvals.close()
  const again = await open(machine, recorder)
  assert.deepEqual(again.inForce(USE, machine.clock.nowUs()), ['refund'])
  again.close()
})

test('a denial that is on record counts, and is written down later', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  let isBroken = false
  const disk = breakable(machine.disk, () => isBroken)
  const approvals = await open(Object.assign(Object.create(machine), { disk }), recorder)
  const asked = await approvals.ask(ASKING)
  await approvals.grant(asked?.id ?? '', { by: LEA })
  isBroken = true
  await assert.rejects(approvals.deny(asked?.id ?? '', { by: LEA }), code('APPROVAL_UNSAVED'))
  isBroken = false
  await machine.clock.advance(2_000)
  approvals.close()
  const again = await open(machine, recorder)
  assert.deepEqual(again.list(), [])
  again.close()
})

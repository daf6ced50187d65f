// Measures with a real recorder and ledger on a simulated machine: the test owns time and disk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AdminFacts } from '@countersign/evidence'
import { Machine } from '../recorder/testing.ts'
import { Containment, type ContainmentOrder } from './containment.ts'
import { parseMeasures } from './measure.ts'
import type { ContainedFacts } from './measure-index.ts'
import { fileStore } from './store.ts'
import { formatPrefix, type Target, targetSchema } from './target.ts'

const ADA = { issuer: 'keys', id: 'ada' }
const HOUR_MS = 3_600_000
const PATH = '/data/state/containment.json'

async function open(machine: Machine, recorder: Awaited<ReturnType<Machine['start']>>) {
  await machine.disk.makeDirectory('/data/state')
  const { clock, random, disk } = machine
  const store = fileStore(disk, PATH)
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  return Containment.open({ clock, random, store, recorder, onFault })
}

async function started(): Promise<{
  readonly machine: Machine
  readonly recorder: Awaited<ReturnType<Machine['start']>>
  readonly containment: Containment
}> {
  const machine = new Machine()
  const recorder = await machine.start()
  return { machine, recorder, containment: await open(machine, recorder) }
}

function order(target: Target, forMs: number = HOUR_MS): ContainmentOrder {
  return { target, reason: 'leaked on a train', by: { issuer: 'keys', id: 'olga' }, forMs }
}

async function operations(machine: Machine): Promise<readonly string[]> {
  const acts = (await machine.records()).filter(({ kind }) => kind === 'admin')
  return acts.map(({ sections }) => (sections.what as unknown as AdminFacts).operation)
}

const PRINCIPAL: Target = { kind: 'principal', id: 'ada' }
const TABLE: readonly (readonly [string, Target, ContainedFacts, boolean])[] = [
  ['a principal, by id', PRINCIPAL, { principal: ADA }, true],
  ['another principal', PRINCIPAL, { principal: { issuer: 'keys', id: 'ben' } }, false],
  [
    'a principal of that issuer',
    { ...PRINCIPAL, issuer: 'https://login.example' },
    { principal: { id: 'ada', issuer: 'https://login.example' } },
    true,
  ],
  [
    'the same id of another issuer',
    { ...PRINCIPAL, issuer: 'https://login.example' },
    { principal: ADA },
    false,
  ],
  [
    'a key by its id',
    { kind: 'credential', id: 'abcd2345' },
    { credential: { id: 'abcd2345' } },
    true,
  ],
  [
    'another key',
    { kind: 'credential', id: 'abcd2345' },
    { credential: { id: 'zzzz2345' } },
    false,
  ],
  ...(
    [
      ['as it is on record', '0a1bff'],
      ['in upper case', '0A1BFF'],
      ['with colons', '0A:1B:FF'],
      ['with colons, and zeros before it', '00:0a:1b:ff'],
      ['as a number', '0xa1bff'],
    ] as const
  ).map(
    ([name, id]) =>
      [
        `a certificate by its serial, ${name}`,
        { kind: 'credential', id },
        { credential: { id: '0a1bff' } },
        true,
      ] as const,
  ),
  [
    'another serial',
    { kind: 'credential', id: '0A:1B:FE' },
    { credential: { id: '0a1bff' } },
    false,
  ],
  [
    'a key by its id, in upper case as it is',
    { kind: 'credential', id: 'ABCD' },
    { credential: { id: 'ABCD' } },
    true,
  ],
  ['a token by jti', { kind: 'token', id: 'jti-1' }, { credential: { id: 'jti-1' } }, true],
  [
    'a token by digest',
    { kind: 'token', id: 'ab'.repeat(32) },
    { credential: { sha256: 'ab'.repeat(32) } },
    true,
  ],
  [
    'an address in the prefix',
    { kind: 'address', prefix: '192.0.2.0/24' },
    { address: '192.0.2.77' },
    true,
  ],
  [
    'an address beside it',
    { kind: 'address', prefix: '192.0.2.0/24' },
    { address: '192.0.3.77' },
    false,
  ],
  ['one address', { kind: 'address', prefix: '192.0.2.7/32' }, { address: '192.0.2.7' }, true],
  [
    'IPv4 inside IPv6',
    { kind: 'address', prefix: '192.0.2.7/32' },
    { address: '::ffff:192.0.2.7' },
    true,
  ],
  [
    'an IPv6 prefix',
    { kind: 'address', prefix: '2001:db8::/33' },
    { address: '2001:db8:7fff::1' },
    true,
  ],
  [
    'beyond an IPv6 prefix',
    { kind: 'address', prefix: '2001:db8::/33' },
    { address: '2001:db8:8000::1' },
    false,
  ],
  [
    'an address of the other family',
    { kind: 'address', prefix: '2001:db8::/32' },
    { address: '32.1.13.184' },
    false,
  ],
  [
    'what is no address',
    { kind: 'address', prefix: '192.0.2.0/24' },
    { address: 'unknown' },
    false,
  ],
  ['a route', { kind: 'route', name: 'orders' }, { route: 'orders' }, true],
  [
    'an upstream',
    { kind: 'upstream', name: 'orders' },
    { route: 'orders', upstream: 'other' },
    false,
  ],
  ['read-only: a write', { kind: 'gateway' }, { method: 'POST' }, true],
  ['read-only: a read', { kind: 'gateway' }, { method: 'GET' }, false],
  ['read-only: an admin act has no method', { kind: 'gateway' }, { principal: ADA }, false],
]

for (const [name, target, facts, isFound] of TABLE) {
  test(`${name} is ${isFound ? '' : 'not '}found`, async () => {
    const { containment } = await started()
    assert.equal(containment.isEmpty, true)
    const { measure } = await containment.contain(order(target))
    assert.equal(containment.finds(facts)?.id, isFound ? measure.id : undefined)
    await containment.lift(measure.id, { by: ADA, reason: 'over' })
    assert.equal(containment.finds(facts), undefined)
    assert.equal(containment.isEmpty, true)
    containment.close()
  })
}

for (const [text, want] of [
  ['192.0.2.77', '192.0.2.77/32'],
  ['192.0.2.77/24', '192.0.2.0/24'],
  ['::ffff:192.0.2.77', '192.0.2.77/32'],
  ['::ffff:192.0.2.77/120', '192.0.2.0/24'],
  ['2001:DB8::1/32', '2001:db8::/32'],
  ['0.0.0.0/0', undefined],
  ['::ffff:0:0/96', undefined],
  ['localhost', undefined],
  ['192.0.2.0/33', undefined],
] as const) {
  test(`the prefix ${text} is ${want ?? 'refused'}`, () => {
    const read = targetSchema.safeParse({ kind: 'address', prefix: text })
    assert.deepEqual(read.data, want && { kind: 'address', prefix: want })
    if (want !== undefined) assert.equal(formatPrefix(want), want)
  })
}

test('a measure is in force before anything is written, and says so to who listens', async () => {
  const { containment, machine } = await started()
  const seen: boolean[] = []
  containment.onMore(() => seen.push(containment.finds({ principal: ADA }) !== undefined))
  const ordered = containment.contain(order(PRINCIPAL))
  assert.deepEqual(seen, [true])
  const { isDurable, isRecorded } = await ordered
  assert.deepEqual([isDurable, isRecorded], [true, true])
  const act = (await machine.records()).at(-1)
  const facts = act?.sections.what as unknown as AdminFacts
  assert.equal(facts.operation, 'contain')
  assert.match(facts.target ?? '', /^principal [0-9a-f]{32}$/)
  assert.equal(facts.parameters?.reason, 'leaked on a train')
  assert.doesNotMatch(JSON.stringify(act?.sections), /ada|olga/)
  containment.close()
})

test('a detection uses the same lever, and is named', async () => {
  const { containment, machine } = await started()
  const by = { detection: 'credential-stuffing' }
  await containment.contain({ ...order({ kind: 'address', prefix: '192.0.2.0/24' }), by })
  const { sections } = (await machine.records()).at(-1) ?? {}
  assert.equal(sections?.who, undefined)
  const facts = sections?.what as unknown as AdminFacts
  assert.equal(facts.target, 'address 192.0.2.0/24')
  assert.equal(facts.parameters?.detection, 'credential-stuffing')
  containment.close()
})

test('the end of its time lifts a measure by itself, on record', async () => {
  const { containment, machine } = await started()
  await containment.contain(order(PRINCIPAL, 30_000))
  await containment.contain(order({ kind: 'route', name: 'orders' }, 300_000))
  await machine.clock.advance(29_000)
  assert.ok(containment.finds({ principal: ADA }))
  await machine.clock.advance(2_000)
  assert.equal(containment.finds({ principal: ADA }), undefined)
  assert.ok(containment.finds({ route: 'orders' }))
  await machine.clock.advance(300_000)
  assert.equal(containment.isEmpty, true)
  const expired = 'contain-expired'
  assert.deepEqual(await operations(machine), ['contain', 'contain', expired, expired])
  containment.close()
})

test('a measure survives a loss of power, and so does its end', async () => {
  const { containment, machine } = await started()
  await containment.contain(order(PRINCIPAL, 60_000))
  containment.close()
  machine.crash('lost')
  const again = await open(machine, await machine.start())
  assert.ok(again.finds({ principal: ADA }))
  await machine.clock.advance(61_000)
  assert.equal(again.isEmpty, true)
  assert.deepEqual(await operations(machine), ['contain', 'contain-expired'])
  again.close()
})

test('a full disk stops no quarantine, and its record follows', async () => {
  const { containment, machine } = await started()
  machine.disk.setCapacity(0)
  const { isDurable, isRecorded } = await containment.contain(order(PRINCIPAL))
  assert.ok(containment.finds({ principal: ADA }))
  assert.equal(isDurable, false)
  machine.disk.setCapacity(Number.MAX_SAFE_INTEGER)
  await machine.clock.advance(10_000)
  const [kept] = containment.list()
  assert.equal(kept?.isRecorded || isRecorded, true)
  assert.deepEqual(await operations(machine), ['contain'])
  machine.crash('lost')
  containment.close()
  const again = await open(machine, await machine.start())
  assert.ok(again.finds({ principal: ADA }))
  again.close()
})

test('a ledger that is down stops none, and the record follows the next start', async () => {
  const { containment, machine, recorder } = await started()
  await recorder.stop('test')
  const { isDurable, isRecorded } = await containment.contain(order(PRINCIPAL))
  assert.deepEqual([isDurable, isRecorded], [true, false])
  containment.close()
  machine.crash('lost')
  const again = await open(machine, await machine.start())
  assert.ok(again.finds({ principal: ADA }))
  await machine.clock.advance(2_000)
  assert.deepEqual(await operations(machine), ['contain'])
  again.close()
})

test('what cannot be recorded is not lifted, by nobody and by no time', async () => {
  const { containment, machine, recorder } = await started()
  const { measure } = await containment.contain(order(PRINCIPAL, 30_000))
  await recorder.stop('test')
  await assert.rejects(containment.lift(measure.id, { by: ADA, reason: 'over' }))
  await machine.clock.advance(60_000)
  assert.ok(containment.finds({ principal: ADA }))
  containment.close()
})

test('a state that cannot be read is refused, not forgotten', async () => {
  const { machine, recorder } = await started()
  const file = await machine.disk.open(PATH, { for: 'write', create: 'if-missing' })
  await file.write(0, new TextEncoder().encode('{"version":1,"measures":[{}]}'))
  await file.close()
  await assert.rejects(open(machine, recorder), { code: 'CONTAINMENT_STATE_INVALID' })
})

test('lifting what is not in force says so', async () => {
  const { containment } = await started()
  await assert.rejects(containment.lift('c-0000000000000000', { by: ADA, reason: '' }), {
    code: 'CONTAINMENT_UNKNOWN',
  })
})

test('a measure that is lifted twice at once is lifted once, on record', async () => {
  const { machine, containment } = await started()
  const { measure } = await containment.contain(order(PRINCIPAL))
  const lifting = { reason: 'found again', by: { issuer: 'keys', id: 'olga' } }
  const ends = await Promise.allSettled([
    containment.lift(measure.id, lifting),
    containment.lift(measure.id, lifting),
  ])
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  assert.deepEqual(await operations(machine), ['contain', 'lift'])
  containment.close()
})

test('a measure that is lifted while it is told of is on record once', async () => {
  const { machine, containment } = await started()
  const containing = containment.contain(order(PRINCIPAL))
  const id = containment.list()[0]?.id ?? ''
  await containment.lift(id, { reason: 'by mistake', by: { issuer: 'keys', id: 'olga' } })
  await containing
  assert.deepEqual(await operations(machine), ['contain', 'lift'])
  assert.equal(containment.isEmpty, true)
  containment.close()
})

test('a measure whose end comes while it is lifted ends once', async () => {
  const { machine, containment } = await started()
  const { measure } = await containment.contain(order(PRINCIPAL, 2_000))
  const lifting = containment.lift(measure.id, { reason: 'x', by: { issuer: 'keys', id: 'olga' } })
  await Promise.all([lifting, machine.clock.advance(5_000)])
  assert.deepEqual(await operations(machine), ['contain', 'lift'])
  containment.close()
})

test('what is owed is not told of a second time while it is being told', async () => {
  const machine = new Machine()
  const recorder = await machine.start()
  await machine.disk.makeDirectory('/data/state')
  let told = 0
  const slow = {
    actant: recorder.actant.bind(recorder),
    async act(...act: Parameters<typeof recorder.act>) {
      told += 1
      await new Promise<void>((resolve) => machine.clock.after(told * 3_000, resolve))
      return recorder.act(...act)
    },
  }
  const { clock, random, disk } = machine
  const store = fileStore(disk, PATH)
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  const containment = await Containment.open({ clock, random, store, recorder: slow, onFault })
  const one = containment.contain(order(PRINCIPAL))
  const two = containment.contain(order({ kind: 'credential', id: 'abcd2345' }))
  await machine.clock.advance(10_000)
  await Promise.all([one, two])
  assert.equal(told, 2)
  assert.deepEqual(await operations(machine), ['contain', 'contain'])
  containment.close()
})

test('who follows has what is followed in force, and nothing else', async () => {
  const { machine, recorder, containment } = await started()
  const nothing = async (): Promise<void> => undefined
  const store = { load: async () => [], put: nothing, remove: nothing }
  const { clock, random } = machine
  const onFault = (fault: unknown): void => void machine.faults.push(fault)
  const follower = await Containment.open({ clock, random, store, recorder, onFault })
  const found = (): boolean => follower.finds({ principal: ADA }) !== undefined
  let [told, more] = [0, 0]
  follower.onMore(() => {
    more += 1
  })
  containment.onChange(() => {
    told += 1
    follower.follow(parseMeasures(JSON.stringify(containment.list())))
  })
  const { measure } = await containment.contain(order(PRINCIPAL))
  assert.deepEqual([found(), told, more], [true, 1, 1])
  await containment.lift(measure.id, order(PRINCIPAL))
  assert.deepEqual([found(), follower.isEmpty, told, more], [false, true, 2, 1])
  const again = containment.contain(order(PRINCIPAL, 1000))
  assert.ok(found(), 'at once')
  await again
  await machine.clock.advance(2000)
  assert.deepEqual([found(), told, more], [false, 4, 2])
  assert.deepEqual(machine.faults, [])
})

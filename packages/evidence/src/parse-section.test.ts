import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KINDS, type Kind, kindOfCode } from './kinds.ts'
import { checkSections, parseAct, parseSection, parseWhen } from './parse-section.ts'
import { isReason, REASONS } from './reasons.ts'
import { SECTION_NAMES, SECTIONS, type SectionName, sectionName } from './sections.ts'

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const UUID = '019aa577-85a8-71f7-bfff-ffffffffffff'
const TIME = '2025-11-21T08:11:05.000123Z'
const HASH = 'ab'.repeat(32)
const KEY = 'cd'.repeat(16)
const WHEN = {
  v: 1,
  kind: 'intent',
  id: UUID,
  exchange: UUID,
  at: TIME,
  gateway: 'demo',
  incarnation: 1,
}
const { exchange: _, ...ACT_WHEN } = WHEN

test('sections are numbered 1 to 9 in the order of the questions', () => {
  assert.deepEqual(Object.values(SECTIONS), [1, 2, 3, 4, 5, 6, 7, 8, 9])
  for (const id of Object.values(SECTIONS)) assert.equal(SECTIONS[sectionName(id)], id)
  assert.deepEqual(SECTION_NAMES, Object.keys(SECTIONS))
})

test('kinds have codes of their own, and every kind has a when', () => {
  const codes = Object.values(KINDS).map(({ code }) => code)
  assert.equal(new Set(codes).size, codes.length)
  for (const [kind, { code, required }] of Object.entries(KINDS)) {
    assert.equal(kindOfCode(code), kind)
    assert.equal(required[0], 'when')
  }
  assert.equal(kindOfCode(0), undefined)
  assert.equal(kindOfCode(255), undefined)
})

test('every reason has a status, a sentence and advice', () => {
  for (const [code, { status, meaning, advice }] of Object.entries(REASONS)) {
    assert.ok(isReason(code))
    assert.match(code, /^[a-z]+(-[a-z]+)*$/)
    assert.ok(status >= 200 && status < 600, code)
    assert.match(meaning, /^[A-Z].*\.$/)
    assert.match(advice, /^[A-Z].*\.$/)
  }
  assert.equal(isReason('toString'), false)
})

const GOOD: readonly (readonly [SectionName, Kind, unknown])[] = [
  ['when', 'intent', { ...WHEN, clock: 'behind', about: { epoch: 1, index: 0 } }],
  ['who', 'intent', { principal: { id: 'ada', kind: 'user' }, facts: { any: [{ a: null }] } }],
  ['who', 'config', { subject: KEY, method: 'api-key' }],
  ['actor', 'intent', { principal: { id: 'ci', kind: 'service', issuer: 'https://i' } }],
  ['where', 'refusal', { address: '::1', port: 1, tls: { version: 'TLSv1.3', cipher: 'x' } }],
  ['what', 'intent', { method: 'GET', scheme: 'https', authority: 'a', path: '/' }],
  ['what', 'refusal', {}],
  ['why', 'refusal', { verdict: 'deny', reason: 'a-reason-of-a-later-version' }],
  ['via', 'outcome', { upstream: 'u', attempts: 1, response: { bytes: 0, sha256: HASH } }],
  ['how', 'outcome', { ended: 'interrupted' }],
  ['seal', 'intent', { keys: { who: KEY }, shared: true }],
  ['what', 'gap', { reason: 'not-running', from: TIME, until: TIME, unrecorded: 0 }],
  ['what', 'system', { act: 'recovery', interrupted: 0, cutBytes: 7 }],
  ['what', 'system', { act: 'heartbeat' }],
  ['what', 'window', { act: 'renew', recordsMax: 1000, windowMs: 1000, records: 7 }],
  [
    'what',
    'system',
    { act: 'space', level: 'scarce', freeBytes: 0, totalBytes: 12, reserveBytes: 3 },
  ],
  ['what', 'system', { act: 'worker-lost', worker: 2, cause: 'SIGKILL', interrupted: 3, folds: 0 }],
  ['what', 'block', { files: [{ path: 'records/x001/234', sha256: HASH, bytes: 1 }] }],
  ['what', 'epoch', { epoch: 1, origin: 'o', vkeys: ['a', 'b'] }],
  ['what', 'key', { act: 'created', use: 'api', key: 'cs_1', expires: TIME }],
  ['what', 'admin', { operation: 'search', parameters: { q: 'x' }, result: 'done' }],
]

for (const [name, kind, value] of GOOD) {
  test(`taken: ${name} of ${kind} ${JSON.stringify(value).slice(0, 60)}`, () => {
    assert.deepEqual(parseSection(SECTIONS[name], kind, bytes(value)), value)
  })
}

const BAD: readonly (readonly [SectionName, Kind, unknown, string])[] = [
  ['who', 'intent', { subject: KEY }, 'an exchange names people'],
  ['who', 'admin', { principal: { id: 'ada', kind: 'user' } }, 'an act names nobody'],
  ['who', 'intent', { principal: { id: 'a', kind: 'root' } }, 'the kind of principal is unknown'],
  ['where', 'intent', { address: '::1', port: 65_536 }, 'the port is none'],
  ['where', 'intent', { address: '::1', extra: 1 }, 'a member is unknown'],
  ['where', 'intent', { address: '::1', __proto__x: 1 }, 'a member is unknown, however named'],
  ['what', 'intent', { method: 'GET' }, 'what is forwarded is known'],
  ['why', 'intent', { verdict: 'maybe', reason: 'policy-permits' }, 'a verdict is yes or no'],
  ['why', 'intent', { verdict: 'deny', reason: 'Not A Reason' }, 'a reason is a code'],
  ['how', 'outcome', { ended: 'released', status: 42 }, 'the status is none'],
  ['how', 'outcome', { ended: 'released', request: { sha256: HASH } }, 'a body has a length'],
  ['via', 'outcome', { upstream: 'u', attempts: -1 }, 'a count is not negative'],
  ['seal', 'intent', { keys: { when: KEY } }, 'when is never personal'],
  ['seal', 'intent', { keys: { who: HASH } }, 'a key id has 16 bytes'],
  ['seal', 'intent', { keys: {}, shared: false }, 'what is not shared is left out'],
  ['what', 'system', { act: 'start' }, 'a start says how long it may be silent'],
  ['what', 'system', { act: 'pause' }, 'the act is unknown'],
  ['what', 'block', { files: [{ path: '../etc', sha256: HASH, bytes: 1 }] }, 'the path leads out'],
  ['what', 'config', [], 'an array is no object'],
  ['what', 'config', null, 'null is no object'],
]

for (const [name, kind, value, why] of BAD) {
  test(`refused, because ${why}: ${name} of ${kind}`, () => {
    const parse = (): unknown => parseSection(SECTIONS[name], kind, bytes(value))
    assert.throws(parse, { code: 'EVIDENCE_SCHEMA' })
  })
}

for (const [when, code, why] of [
  [{ ...WHEN, v: 2 }, 'EVIDENCE_UNKNOWN_VERSION', 'a later version is not checked'],
  [{ ...WHEN, v: 2, more: 1 }, 'EVIDENCE_UNKNOWN_VERSION', 'whatever else it holds'],
  [{ ...WHEN, kind: 'rumour' }, 'EVIDENCE_UNKNOWN_KIND', 'a later kind is not checked'],
  [{ ...WHEN, kind: 'toString' }, 'EVIDENCE_UNKNOWN_KIND', 'it is no kind'],
  [{ ...WHEN, kind: 7 }, 'EVIDENCE_UNKNOWN_KIND', 'a kind is a word'],
  [{ ...WHEN, at: '2025-02-30T00:00:00.000000Z' }, 'EVIDENCE_TIME', 'there is no such day'],
  [{ ...WHEN, id: UUID.toUpperCase() }, 'EVIDENCE_SCHEMA', 'ids are in small letters'],
  [{ ...WHEN, exchange: undefined }, 'EVIDENCE_SCHEMA', 'an intent is of an exchange'],
  [{ ...WHEN, kind: 'config' }, 'EVIDENCE_SCHEMA', 'an act is of none'],
  [{ ...WHEN, clock: 'fine' }, 'EVIDENCE_SCHEMA', 'a steady clock says nothing'],
  [{ ...WHEN, incarnation: 1.5 }, 'EVIDENCE_JSON', 'there are no fractions'],
  [{}, 'EVIDENCE_SCHEMA', 'it says nothing'],
  [[], 'EVIDENCE_SCHEMA', 'it is no object'],
] as const) {
  test(`when is refused with ${code}: ${why}`, () => {
    assert.throws(() => parseWhen(bytes(when)), { code })
  })
}

test('a when of an act has no exchange', () => {
  assert.equal(parseWhen(bytes({ ...ACT_WHEN, kind: 'config' })).kind, 'config')
})

test('an act is parsed by its kind', () => {
  const facts = { act: 'stop', cause: 'SIGTERM' }
  assert.deepEqual(parseAct('system', bytes(facts)), facts)
})

test('a section beyond its limit is not even read', () => {
  const large = bytes({ address: 'a'.repeat(65_536) })
  assert.throws(() => parseSection(SECTIONS.where, 'intent', large), { code: 'EVIDENCE_TOO_LARGE' })
})

for (const [kind, names, missing] of [
  ['intent', ['when', 'who', 'where', 'what'], 'why'],
  ['outcome', ['when', 'via'], 'how'],
  ['refusal', ['when', 'where', 'why'], 'how'],
  ['block', ['when'], 'what'],
] as const) {
  test(`${kind} needs ${missing}`, () => {
    const ids = names.map((name) => SECTIONS[name])
    assert.throws(() => checkSections(kind, ids), { code: 'EVIDENCE_SECTIONS' })
    checkSections(kind, [...ids, SECTIONS[missing]])
  })
}

for (const [kind, name] of [
  ['outcome', 'what'],
  ['intent', 'how'],
  ['block', 'who'],
  ['system', 'seal'],
] as const) {
  test(`${kind} has no ${name}`, () => {
    const ids = KINDS[kind].required.map((each) => SECTIONS[each])
    assert.throws(() => checkSections(kind, [...ids, SECTIONS[name]]), {
      code: 'EVIDENCE_SECTIONS',
    })
  })
}

test('a section of a later version is no section of this one', () => {
  assert.throws(() => checkSections('outcome', [1, 8, 10]), { code: 'EVIDENCE_SECTIONS' })
})

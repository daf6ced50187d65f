import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Clock, nodeDisk, type Random } from '../platform/index.ts'
import { apiKeys } from './api-keys.ts'
import type { Identification } from './authenticator.ts'
import { Authenticators } from './authenticators.ts'
import { createKey, createKeyInFile } from './create-key.ts'
import { IdentityError } from './identity-error.ts'
import { KeyStore, type KeysReport, keyChanges, keyTraces } from './key-store.ts'
import { type KeyRing, parseKeysFile } from './keys-file.ts'
import { Presented } from './presented.ts'

const NOON_US = Date.parse('2026-11-21T12:00:00Z') * 1000

/** Bytes that differ from call to call and repeat from run to run. */
function countingRandom(): Random {
  let calls = 0
  return { bytes: (count) => hash('sha512', `${calls++}`, 'buffer').subarray(0, count) }
}

function authenticate(values: readonly string[], keys: KeyRing, atUs: number): Identification {
  const found = new Authenticators([apiKeys(() => keys)]).chain().identify(
    new Presented({
      method: 'GET',
      url: () => 'https://api.example/',
      fields: values.map((value) => ['Authorization', value]),
      hasBody: false,
      peer: { address: '192.0.2.1' },
      atUs,
    }),
  )
  assert.ok(!(found instanceof Promise), 'an API key is known at once')
  return found
}

/** A clock whose timers run when the test says so. */
function handClock(): Clock & { tick(): void } {
  const pending = new Set<() => void>()
  return {
    nowUs: () => NOON_US,
    ticksMs: () => 0,
    after: (_delayMs, run) => {
      pending.add(run)
      return { cancel: () => void pending.delete(run) }
    },
    atTurnEnd: queueMicrotask,
    tick: () => {
      const due = [...pending]
      pending.clear()
      for (const run of due) run()
    },
  }
}

const making = { random: countingRandom(), clock: handClock() }
const ada = createKey('', { principal: 'ada', groups: ['readers'], roles: ['staff'] }, making)
const old = createKey(
  ada.text,
  { principal: 'ben', kind: 'service', label: 'batch', expires: '2026-11-21T12:00:00Z' },
  making,
)
const ring = parseKeysFile(old.text)
const flipped = ada.token.slice(0, -2) + (ada.token.at(-2) === 'A' ? 'B' : 'A') + ada.token.at(-1)

for (const [name, authorization, want] of [
  ['no credential is nobody in particular', [], 'anonymous'],
  ['a key is its principal', [`Bearer ${ada.token}`], 'ada'],
  ['the scheme has no case', [`bEARER ${ada.token}`], 'ada'],
  ['one wrong character of the secret', [`Bearer ${flipped}`], 'credentials-invalid'],
  ['a prefix nobody has', [`Bearer cs_aaaaaaaa_${'x'.repeat(43)}`], 'credentials-invalid'],
  [
    'the secret of one key under the prefix of another',
    [`Bearer cs_${old.prefix}_${ada.token.slice(12)}`],
    'credentials-invalid',
  ],
  ['a key at its expiry', [`Bearer ${old.token}`], 'credentials-expired'],
  ['the same key twice', [`Bearer ${ada.token}`, `Bearer ${ada.token}`], 'credentials-ambiguous'],
  ['two keys in one line', [`Bearer ${ada.token}, ${ada.token}`], 'credentials-malformed'],
  ['another scheme', ['Basic YWRhOng='], 'credentials-malformed'],
  ['a token of somebody else', ['Bearer abc'], 'credentials-malformed'],
  ['a key with more after it', [`Bearer ${ada.token}x`], 'credentials-malformed'],
  ['an empty value', [''], 'credentials-malformed'],
] as const) {
  test(`${name}: ${want}`, () => {
    const found = authenticate(authorization, ring, NOON_US)
    assert.equal(found.known ? found.principal.id : found.reason, want)
  })
}

test('what is known of a key: its facts, and of the credential nothing that proves it', () => {
  const found = authenticate([`Bearer ${ada.token}`], ring, NOON_US)
  assert.ok(found.known)
  const { isStillGood, ...facts } = found
  assert.equal(isStillGood?.(NOON_US), true)
  assert.deepEqual(facts, {
    known: true,
    principal: {
      id: 'ada',
      kind: 'user',
      issuer: 'keys',
      groups: ['readers'],
      roles: ['staff'],
      scopes: [],
      claims: {},
    },
    credential: { method: 'api-key', id: ada.prefix, label: undefined, expiresAtUs: undefined },
  })
})

test('a key lives until the microsecond of its expiry', () => {
  assert.equal(authenticate([`Bearer ${old.token}`], ring, NOON_US - 1).known, true)
})

test('the file holds a hash, not the key', () => {
  const secret = ada.token.slice('cs_12345678_'.length)
  assert.ok(!old.text.includes(secret))
  assert.ok(old.text.includes(hash('sha256', ada.token, 'base64url')))
})

test('creating keeps what an operator wrote', () => {
  const text = `# ours\n${ada.text}`
  const created = createKey(text, { principal: 'cyd' }, making)
  assert.ok(created.text.startsWith('# ours\n'))
  assert.deepEqual([...parseKeysFile(created.text).keys()], [ada.prefix, created.prefix])
})

const HASH = `sha256:${'A'.repeat(43)}`
const key = `{prefix: abcdefgh, hash: "${HASH}", principal: ada}`
const otherPrefix = key.replace('abcdefgh', 'bcdefghi')

for (const [name, text, want] of [
  ['not YAML', 'version: [', /keys file: /],
  ['two documents', `version: 1\nkeys: []\n---\nversion: 1\nkeys: []`, /document/],
  ['a key that occurs twice in a map', 'version: 1\nversion: 1\nkeys: []', /unique/],
  ['an unknown version', 'version: 2\nkeys: []', /version/],
  ['an unknown field', `version: 1\nkeys: [{admin: true, prefix: abcdefgh}]`, /admin/],
  ['a secret where the hash belongs', `version: 1\nkeys: [{prefix: abcdefgh, hash: x}]`, /hash/],
  ['one prefix twice', `version: 1\nkeys: [${key}, ${key}]`, /abcdefgh occurs twice/],
  ['an alias', `version: 1\nkeys: [&k ${key}, *k]`, /alias/i],
  [
    'one principal of two kinds',
    `version: 1\nkeys: [${key}, ${otherPrefix.replace('}', ', kind: service}')}]`,
    /ada is a user and a service/,
  ],
  [
    'a principal that would pass for nobody',
    `version: 1\nkeys: [${key.replace('ada', 'anonymous')}]`,
    /nobody/,
  ],
  [
    'a time without a zone',
    `version: 1\nkeys: [${key.replace('}', ', expires: 2027-01-01}')}]`,
    /expires/,
  ],
] as const) {
  test(`does not load: ${name}`, () => {
    assert.throws(() => parseKeysFile(text), want)
  })
}

test('facts that make no key are refused', () => {
  assert.throws(() => createKey('', { principal: '' }, making), IdentityError)
})

const scratch = mkdtempSync(join(tmpdir(), 'keys-'))
after(() => rmSync(scratch, { recursive: true }))

function freshPath(): string {
  return join(mkdtempSync(join(scratch, 'one-')), 'keys.yaml')
}

test('a new file is created durably, for its owner alone', async () => {
  const path = freshPath()
  const disk = nodeDisk()
  const first = await createKeyInFile(path, { principal: 'ada' }, { ...making, disk })
  const second = await createKeyInFile(path, { principal: 'ben' }, { ...making, disk })
  const kept = parseKeysFile(readFileSync(path, 'utf8'))
  assert.deepEqual([...kept.keys()], [first.prefix, second.prefix])
  assert.equal(statSync(path).mode & 0o077, 0)
})

test('what became of the keys from one set to another', () => {
  const before = keyTraces(ring)
  assert.deepEqual(keyChanges(before, ring), [])
  const moved = parseKeysFile(old.text.replace('2026-11-21T12:00:00Z', '2026-11-22T12:00:00Z'))
  const renamed = parseKeysFile(old.text.replace('label: batch', 'label: other'))
  const acts = (after: KeyRing): readonly string[] =>
    keyChanges(before, after).map(({ act, prefix }) => `${act} ${prefix}`)
  assert.deepEqual(acts(moved), [`expired ${old.prefix}`])
  assert.deepEqual(acts(renamed), [`changed ${old.prefix}`])
  assert.deepEqual(acts(parseKeysFile(ada.text)), [`revoked ${old.prefix}`])
})

test('a store takes up changes, keeps the last good set, and says so', async () => {
  const path = freshPath()
  const clock = handClock()
  const reports: KeysReport[] = []
  let changed = (): void => undefined
  writeFileSync(path, ada.text)
  const store = await KeyStore.open({
    clock,
    onReport: (report) => reports.push(report),
    source: {
      read: async () => readFileSync(path, 'utf8'),
      watch: (listener) => {
        changed = listener
        return () => undefined
      },
    },
  })
  const before = store.current

  writeFileSync(path, old.text)
  changed()
  await store.reload()
  assert.deepEqual(reports, [
    { kind: 'loaded', changes: [{ act: 'created', prefix: old.prefix, expiresAtUs: NOON_US }] },
  ])
  assert.equal(store.current.size, 2)
  assert.equal(before.size, 1, 'the set that a request holds does not change under it')

  writeFileSync(path, `${old.text}  - nonsense`)
  await store.reload()
  await store.reload()
  assert.equal(reports[1]?.kind, 'refused')
  assert.equal(reports.length, 2, 'once, not at every poll')
  assert.equal(store.current.size, 2)

  writeFileSync(path, ada.text)
  clock.tick()
  await store.reload()
  assert.deepEqual(reports[2], {
    kind: 'loaded',
    changes: [{ act: 'revoked', prefix: old.prefix, expiresAtUs: NOON_US }],
  })
  store.close()
})

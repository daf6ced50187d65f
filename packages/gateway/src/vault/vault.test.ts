import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedDisk } from '../platform/index.ts'
import { addressPrefix } from './address-prefix.ts'
import { VaultError, type VaultErrorCode } from './errors.ts'
import { newKekText, parseKek } from './kek.ts'
import { KeyRing } from './key-ring.ts'
import { KEY_ROW_BYTES, openKeyRow, readKeyRow } from './key-row.ts'
import { decodePayload, encodePayload } from './payload.ts'
import { segmentSealer } from './sealer.ts'
import { KEK, KEYS_DIRECTORY, NOW_US, ORIGIN } from './testing.ts'
import { type Subject, Vault, type VaultOptions } from './vault.ts'

const ADA: Subject = { issuer: 'https://login.example.org', id: 'ada@example.org' }
const DAY_US = 86_400_000_000
const MONTH_US = 31 * DAY_US

function open(disk: SimulatedDisk, options: Partial<VaultOptions> = {}): Promise<Vault> {
  const random = new SeededRandom(7)
  const directory = KEYS_DIRECTORY
  return Vault.open({
    disk,
    random,
    directory,
    origin: ORIGIN,
    kek: KEK,
    nowUs: NOW_US,
    ...options,
  })
}

const isCode =
  (code: VaultErrorCode) =>
  (error: unknown): boolean =>
    error instanceof VaultError && error.code === code

async function write(
  disk: SimulatedDisk,
  rows: readonly (Uint8Array | undefined)[],
): Promise<void> {
  const ring = ringOn(disk)
  for (const row of rows) if (row !== undefined) ring.learn(row)
  await ring.flush()
}

function ringOn(disk: SimulatedDisk): KeyRing {
  return new KeyRing({ disk, directory: KEYS_DIRECTORY, kek: KEK, origin: ORIGIN })
}

async function openRow(disk: SimulatedDisk, subject: Subject): Promise<Uint8Array> {
  const { row } = (await open(disk)).subjectKey(subject, NOW_US)
  assert.ok(row !== undefined)
  return row
}

test('who is named alike, by another issuer or as an address, has another key', async () => {
  const vault = await open(new SimulatedDisk())
  const name = '192.0.2.7'
  const alike: readonly Subject[] = [
    { issuer: 'https://a.example', id: name },
    { issuer: 'https://b.example', id: name },
    { anonymous: name },
  ]
  const ids = [...alike, ...alike].map((subject) => {
    return Buffer.from(vault.subjectKey(subject, NOW_US).id).toString('hex')
  })
  assert.equal(new Set(ids).size, 3)
  assert.deepEqual(ids.slice(3), ids.slice(0, 3))
})

test('a principal has one key a month, and another the next', async () => {
  const vault = await open(new SimulatedDisk())
  const key = vault.subjectKey(ADA, NOW_US)
  assert.deepEqual(vault.subjectKey(ADA, NOW_US + DAY_US).id, key.id)
  assert.notDeepEqual(vault.subjectKey(ADA, NOW_US + MONTH_US).id, key.id)
  assert.notDeepEqual(vault.subjectKey({ ...ADA, issuer: 'https://b.example' }, NOW_US).id, key.id)
  assert.notDeepEqual(vault.ledgerKey(NOW_US).id, key.id)
})

test('the first use of a key carries its row, until one such entry is durable', async () => {
  const vault = await open(new SimulatedDisk())
  const key = vault.subjectKey(ADA, NOW_US)
  assert.equal(key.row?.length, KEY_ROW_BYTES)
  assert.ok(vault.subjectKey(ADA, NOW_US).row !== undefined)
  key.markDurable()
  assert.equal(vault.subjectKey(ADA, NOW_US).row, undefined)
})

test('after a restart the key of this month is found again, and salts are the same', async () => {
  const disk = new SimulatedDisk()
  const key = (await open(disk)).subjectKey(ADA, NOW_US)
  await write(disk, [key.row])
  const again = (await open(disk, { random: new SeededRandom(8) })).subjectKey(ADA, NOW_US)
  assert.deepEqual(again.id, key.id)
  assert.equal(again.row, undefined)
  const recordId = new Uint8Array(16).fill(5)
  assert.deepEqual(again.salts(recordId, 6), key.salts(recordId, 6))
})

test('no name is at rest, and two months of one person have nothing in common', async () => {
  const disk = new SimulatedDisk()
  const vault = await open(disk)
  const [now, next] = [NOW_US, NOW_US + MONTH_US].map((atUs) => vault.subjectKey(ADA, atUs).row)
  await write(disk, [now, next])
  for (const { name } of await disk.list(KEYS_DIRECTORY)) {
    const bytes = Buffer.from(await disk.read(`${KEYS_DIRECTORY}/${name}`))
    assert.ok(!bytes.includes('ada') && !bytes.includes('example'), name)
  }
  const lookups = [now, next].map((row) => readKeyRow(row ?? new Uint8Array(0)))
  assert.ok(typeof lookups[0] === 'object' && typeof lookups[1] === 'object')
  assert.notDeepEqual(lookups[0].lookup, lookups[1].lookup)
})

test('anonymous callers share a key by prefix and day, and one beyond the cap', async () => {
  const vault = await open(new SimulatedDisk(), { anonymousKeysADayMax: 2 })
  const key = (address: string, atUs = NOW_US) => vault.subjectKey({ anonymous: address }, atUs)
  const first = key('192.0.2.1')
  assert.deepEqual(key('192.0.2.77').id, first.id)
  assert.notDeepEqual(key('192.0.2.1', NOW_US + DAY_US).id, first.id)
  assert.equal(key('198.51.100.1').expiresOnly, false)
  const beyond = key('203.0.113.1')
  assert.equal(beyond.expiresOnly, true)
  assert.deepEqual(key('203.0.114.1').id, beyond.id)
  assert.deepEqual(key('192.0.2.200').id, first.id)
})

test('the cap holds over a restart', async () => {
  const disk = new SimulatedDisk()
  const vault = await open(disk, { anonymousKeysADayMax: 1 })
  await write(disk, [vault.subjectKey({ anonymous: '192.0.2.1' }, NOW_US).row])
  const again = await open(disk, { anonymousKeysADayMax: 1, random: new SeededRandom(9) })
  assert.equal(again.subjectKey({ anonymous: '198.51.100.1' }, NOW_US).expiresOnly, true)
  assert.equal(again.subjectKey({ anonymous: '192.0.2.9' }, NOW_US).expiresOnly, false)
})

for (const [address, want] of [
  ['192.0.2.77', '192.0.2.0/24'],
  ['::ffff:192.0.2.77', '192.0.2.0/24'], // how a socket that takes both families names it
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8::1', '2001:db8:0::/48'],
  ['::1', '0:0:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0::/48'],
  ['256.1.1.1', 'unknown'],
  ['1:2:3', 'unknown'],
  ['', 'unknown'],
] as const) {
  test(`the address "${address}" shares a key with ${want}`, () => {
    assert.equal(addressPrefix(address), want)
  })
}

test('another key-encryption key is refused before anything is sealed under it', async () => {
  const disk = new SimulatedDisk()
  await open(disk)
  await assert.rejects(open(disk, { kek: parseKek('2e'.repeat(32)) }), isCode('VAULT_KEK_WRONG'))
})

test('keys whose check value was removed are refused', async () => {
  const disk = new SimulatedDisk()
  await open(disk)
  await disk.remove(`${KEYS_DIRECTORY}/kek.check`)
  await assert.rejects(open(disk), isCode('VAULT_KEK_CHECK_MISSING'))
})

for (const text of ['', '1f', 'zz'.repeat(32), `${'1f'.repeat(32)}1f`, `${'1f'.repeat(32)}\n\n`]) {
  test(`"${text.slice(0, 8)}…" of ${text.length} characters is no key-encryption key`, () => {
    assert.throws(() => parseKek(text), isCode('VAULT_KEK_MALFORMED'))
  })
}

test('a made key-encryption key parses, and no two are alike', () => {
  const random = new SeededRandom(3)
  const [one, other] = [newKekText(random), newKekText(random)]
  assert.notDeepEqual(parseKek(one).checkValue, parseKek(other).checkValue)
})

test('one changed bit anywhere in a key row is seen', async () => {
  const row = await openRow(new SimulatedDisk(), ADA)
  for (let bit = 0; bit < KEY_ROW_BYTES * 8; bit += 5) {
    const bad = Uint8Array.from(row)
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(readKeyRow(bad), 'damaged', `bit ${bit}`)
  }
  assert.equal(readKeyRow(new Uint8Array(KEY_ROW_BYTES)), 'erased')
})

test('a row whose checksum was mended does not open', async () => {
  const row = await openRow(new SimulatedDisk(), ADA)
  const bad = Uint8Array.from(row)
  bad[40] = (bad[40] ?? 0) ^ 1 // when the key begins
  assert.throws(() => openKeyRow(bad, KEK.wrapKey), isCode('VAULT_KEY_DAMAGED'))
})

test('the file of a month that is gone is named, with what to do', async () => {
  const disk = new SimulatedDisk()
  const vault = await open(disk)
  const { id, row } = vault.subjectKey(ADA, NOW_US)
  await write(disk, [row])
  await disk.remove(`${KEYS_DIRECTORY}/2026-11.keys`)
  await assert.rejects(ringOn(disk).key(id), (error) => {
    assert.ok(error instanceof VaultError)
    assert.match(error.message, /2026-11\.keys has no row of key [0-9a-f]{32}: restore that file/)
    return error.code === 'VAULT_KEY_MISSING'
  })
})

test('a torn row holds no key, and the next one is appended after it', async () => {
  const disk = new SimulatedDisk()
  const vault = await open(disk)
  const row = vault.subjectKey(ADA, NOW_US).row ?? new Uint8Array(0)
  const path = `${KEYS_DIRECTORY}/2026-11.keys`
  const file = await disk.open(path, { for: 'write', create: 'new' })
  await file.write(0, row.subarray(0, 50))
  await file.close()
  await write(disk, [row, vault.ledgerKey(NOW_US).row])
  const id = vault.subjectKey(ADA, NOW_US).id
  assert.deepEqual((await ringOn(disk).key(id)).id, id)
  assert.equal((await disk.read(path)).length, 2 * KEY_ROW_BYTES)
})

test('a row that only reads back after a failed flush is flushed by the next life', async () => {
  const disk = new SimulatedDisk()
  const { row } = (await open(disk)).subjectKey(ADA, NOW_US)
  disk.inject({ operation: 'sync', nth: 1, path: '2026-11.keys' })
  await assert.rejects(write(disk, [row]))
  await write(disk, [row])
  const left = disk.crash({ power: 'lost', random: new SeededRandom(1), keeps: 0 })
  const found = await ringOn(left).rows((2026 - 1970) * 12 + 10)
  assert.deepEqual(
    found.map((each) => Uint8Array.from(each)),
    [Uint8Array.from(row ?? [])],
  )
})

test('what the first start failed to flush is flushed by the second', async () => {
  for (const [operation, nth] of [
    ['sync', 1],
    ['sync-directory', 1],
    ['sync-directory', 2],
    ['sync-directory', 3],
  ] as const) {
    const disk = new SimulatedDisk()
    await disk.makeDirectory(KEYS_DIRECTORY)
    disk.inject({ operation, nth, path: KEYS_DIRECTORY })
    await open(disk).catch(() => undefined)
    disk.clearFaults()
    const tag = (await open(disk, { random: new SeededRandom(8) })).receiptTag(Uint8Array.of(1))
    const left = disk.crash({ power: 'lost', random: new SeededRandom(1), keeps: 0 })
    assert.deepEqual((await open(left)).receiptTag(Uint8Array.of(1)), tag, `${operation} ${nth}`)
  }
})

test('a receipt tag depends on every byte, and only the gateway makes it', async () => {
  const disk = new SimulatedDisk()
  const tag = (await open(disk)).receiptTag(Uint8Array.of(1, 2, 3))
  assert.equal(tag.length, 16)
  assert.deepEqual((await open(disk)).receiptTag(Uint8Array.of(1, 2, 3)), tag)
  assert.notDeepEqual((await open(disk)).receiptTag(Uint8Array.of(1, 2, 4)), tag)
  assert.notDeepEqual(
    (await open(new SimulatedDisk(), { random: new SeededRandom(9) })).receiptTag(
      Uint8Array.of(1, 2, 3),
    ),
    tag,
  )
})

test('a segment opens what it sealed, and nothing else', () => {
  const sealer = segmentSealer({ kek: KEK, random: new SeededRandom(1), origin: ORIGIN })
  const segment = sealer.newSegment()
  const [aad, plain] = [Uint8Array.of(1), Uint8Array.of(2, 3)]
  const sealed = new Uint8Array(plain.length + 16)
  segment.seal(2 ** 40, aad, plain, sealed, 0)
  assert.equal(sealed.length, plain.length + 16)
  const opened = sealer.openSegment(segment.wrapped)
  assert.deepEqual(Uint8Array.from(opened.open(2 ** 40, aad, sealed)), plain)
  const refused = isCode('VAULT_NOT_AUTHENTIC')
  assert.throws(() => opened.open(2 ** 40 + 1, aad, sealed), refused)
  assert.throws(() => opened.open(2 ** 40, plain, sealed), refused)
  assert.throws(() => opened.open(2 ** 40, aad, sealed.subarray(1)), refused)
  const other = segmentSealer({ kek: KEK, random: new SeededRandom(2), origin: 'other' })
  assert.throws(() => other.openSegment(segment.wrapped), isCode('VAULT_KEY_DAMAGED'))
})

test('a payload reads back, and cut anywhere it is opaque', () => {
  const keyId = new Uint8Array(16).fill(1)
  const own = new Uint8Array(16).fill(2)
  const digest = new Uint8Array(32).fill(3)
  const payload = encodePayload({
    kind: 1,
    recordId: new Uint8Array(16).fill(9),
    ledgerKeyId: keyId,
    sections: [
      { id: 1, bytes: Uint8Array.of(1, 2), keyId, digest },
      { id: 2, bytes: Uint8Array.of(3), keyId: own, digest },
    ],
    rows: [new Uint8Array(KEY_ROW_BYTES).fill(4)],
  })
  const back = decodePayload(payload)
  assert.deepEqual(
    back?.sections.map(({ id, bytes, digest: kept }) => [id, [...bytes], kept === undefined]),
    [
      [1, [1, 2], true],
      [2, [3], false],
    ],
  )
  assert.equal(back?.rows.length, 1)
  for (let end = 0; end < payload.length; end++) {
    assert.equal(decodePayload(payload.subarray(0, end)), undefined, `cut at ${end}`)
  }
})

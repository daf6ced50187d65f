import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeLeaf } from '@countersign/evidence'
import { type DiskFault, nodeSha256, SeededRandom, SimulatedDisk } from '../platform/index.ts'
import { VaultError } from './errors.ts'
import type { OpenedRecord } from './opened-record.ts'
import { splitPacks } from './pack.ts'
import {
  batchOf,
  EPOCH_DIRECTORY,
  KEYS_DIRECTORY,
  NOW_US,
  Rig,
  type SampleEntry,
} from './testing.ts'

const ADA = { issuer: 'https://login.example.org', id: 'ada@example.org' }
const BEN = { issuer: 'https://login.example.org', id: 'ben@example.org' }

/** Traffic of two persons, an act every 50 entries, and something unreadable now and then. */
function traffic(rig: Rig, count: number): SampleEntry[] {
  return Array.from({ length: count }, (_, at) => {
    if (at % 50 === 49) {
      return rig.entry('system', [
        { name: 'when', value: { at } },
        { name: 'what', value: { act: 'heartbeat' } },
      ])
    }
    const subject = at % 3 === 0 ? ADA : BEN
    return rig.entry('intent', [
      { name: 'when', value: { v: 1, at } },
      { name: 'who', value: { principal: { id: subject.id } }, subject },
      { name: 'where', value: { address: '192.0.2.7', port: at }, subject },
      { name: 'what', value: { method: 'GET', path: `/orders/${at}` } },
    ])
  })
}

function assertOpens(record: OpenedRecord, entry: SampleEntry | undefined): void {
  assert.ok(entry !== undefined, `entry ${record.index} was never added`)
  const texts = record.sections.map(({ open }) => open && Buffer.from(open.bytes).toString())
  assert.deepEqual(texts, entry.texts, `texts of entry ${record.index}`)
  assert.deepEqual(encodeLeaf(nodeSha256, record.sections), entry.leaf)
}

async function assertAllOpen(
  rig: Rig,
  entries: readonly SampleEntry[],
  payloads: readonly Uint8Array[] = entries.map(({ payload }) => payload),
): Promise<void> {
  const reader = rig.reader({ payloads })
  for (let block = 0; block * 256 < entries.length; block++) {
    const { records, faults } = await reader.block(block)
    assert.deepEqual(faults, [])
    const want = Math.min(256, entries.length - block * 256)
    assert.equal(records.length, want, `block ${block}`)
    for (const record of records) assertOpens(record, entries[record.index])
  }
}

async function packed(count: number): Promise<{ rig: Rig; entries: SampleEntry[] }> {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, count)
  rig.packer.add(batchOf(0, entries))
  await rig.packer.closeSegment({ first: 0, end: count })
  return { rig, entries }
}

test('every record reads back, and its leaf follows from what was read', async () => {
  const { rig, entries } = await packed(700)
  const reader = rig.reader()
  for (const [index, entry] of entries.entries()) assertOpens(await reader.record(index), entry)
})

test('a block in which the month turns has each record under its own key', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = Array.from({ length: 256 }, (_, at) => {
    const atUs = NOW_US + (at % 100 < 50 ? 0 : 40 * 86_400_000_000)
    const sections = [{ name: 'when', value: { v: 1, at } }] as const
    return rig.entry('intent', sections, atUs)
  })
  rig.packer.add(batchOf(0, entries))
  await rig.packer.closeSegment({ first: 0, end: 256 })
  const { records, faults } = await rig.reader().block(0)
  assert.deepEqual(faults, [])
  for (const record of records) {
    assertOpens(record, entries[record.index])
    const { keyId } = record.sections[0] ?? assert.fail('no section')
    assert.deepEqual(Buffer.from(keyId), Buffer.from(entries[record.index]?.keys[0]?.id ?? []))
  }
  assert.equal(records.length, 256)
})

test('what is not packed yet is read from the write-ahead log', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, 300)
  rig.packer.add(batchOf(0, entries))
  await rig.packer.settle(300)
  await assertAllOpen(rig, entries)
})

test('a run that came less far never narrows what an earlier one stored', async () => {
  const disk = new SimulatedDisk()
  const rig = await Rig.open(disk)
  const entries = traffic(rig, 42)
  rig.packer.add(batchOf(0, entries))
  await rig.packer.closeSegment({ first: 0, end: 14 }) // Its write-ahead segment is dropped,
  await rig.packer.closeSegment({ first: 14, end: 34 }) // these two are not: the process dies.
  await rig.packer.closeSegment({ first: 34, end: 42 })
  const next = await Rig.open(disk, 2)
  await next.packer.resume(42)
  next.packer.add(batchOf(14, entries.slice(14)))
  await next.packer.closeSegment({ first: 14, end: 34 })
  await assertAllOpen(next, entries, [])
  await next.packer.closeSegment({ first: 34, end: 42 })
  await assertAllOpen(next, entries, [])
})

const PERSONS = `${EPOCH_DIRECTORY}/persons/0000000000000000`

async function plant(disk: SimulatedDisk, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(PERSONS, { for: 'write', create: 'if-missing' })
  await file.write(0, bytes)
  await file.close()
}

test('a file of persons that an earlier run wrote is kept byte for byte', async () => {
  const { rig, entries } = await packed(300)
  const before = await rig.disk.read(PERSONS)
  const next = await Rig.open(rig.disk, 2)
  await next.packer.resume(0)
  next.packer.add(batchOf(0, entries))
  await next.packer.closeSegment({ first: 0, end: 300 })
  assert.deepEqual(await rig.disk.read(PERSONS), before)
})

for (const [name, made] of [
  ['nothing', async () => new Uint8Array()],
  ['no packs', async () => Buffer.from('somebody was here')],
  [
    'the packs of another segment',
    async (rig: Rig) => {
      const entries = traffic(rig, 300)
      rig.packer.add(batchOf(0, entries))
      await rig.packer.closeSegment({ first: 0, end: 200 })
      return rig.disk.read(PERSONS)
    },
  ],
  [
    'packs with one byte changed',
    async (rig: Rig) => {
      rig.packer.add(batchOf(0, traffic(rig, 300)))
      await rig.packer.closeSegment({ first: 0, end: 300 })
      const bytes = Uint8Array.from(await rig.disk.read(PERSONS))
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return bytes
    },
  ],
] as const) {
  test(`a planted file of persons with ${name} in it is not taken for one's own`, async () => {
    const disk = new SimulatedDisk()
    const bytes = await made(await Rig.open(disk))
    const rig = await Rig.open(disk, 2)
    const entries = traffic(rig, 300)
    await disk.makeDirectory(`${EPOCH_DIRECTORY}/persons`)
    await plant(disk, bytes)
    rig.packer.add(batchOf(0, entries))
    const reports = await rig.packer.closeSegment({ first: 0, end: 300 })
    const file = await disk.read(PERSONS)
    assert.notDeepEqual(file, bytes)
    const named = reports.find(({ kind }) => kind === 'persons')
    assert.deepEqual(named?.sha256, Buffer.from(nodeSha256.digest(file)))
    await assertAllOpen(rig, entries, [])
  })
}

test('reports name every finished file and what it holds', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, 600)
  rig.packer.add(batchOf(0, entries))
  const settled = await rig.packer.settle(600)
  const named = settled.map(({ kind, block }) => `${kind} ${block}`)
  assert.deepEqual(named, ['records 0', 'acts 0', 'records 1', 'acts 1'])
  const closed = await rig.packer.closeSegment({ first: 0, end: 600 })
  assert.deepEqual(
    closed.map(({ kind, block }) => `${kind} ${block}`),
    ['persons 0'],
  )
  for (const { kind, block, sha256, bytes } of [...settled, ...closed]) {
    const name = kind === 'persons' ? '0000000000000000' : `00${block}`
    const file = await rig.disk.read(`${EPOCH_DIRECTORY}/${kind}/${name}`)
    assert.equal(file.length, bytes)
    assert.deepEqual(nodeSha256.digest(file), Uint8Array.from(sha256))
  }
})

test('a wider block begins with the packs of the narrower one, byte for byte', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, 256)
  rig.packer.add(batchOf(0, entries.slice(0, 100)))
  await rig.packer.closeSegment({ first: 0, end: 100 })
  const narrow = Buffer.from(await rig.disk.read(`${EPOCH_DIRECTORY}/records/000.p/100`))
  rig.packer.add(batchOf(100, entries.slice(100)))
  await rig.packer.settle(256)
  const wide = Buffer.from(await rig.disk.read(`${EPOCH_DIRECTORY}/records/000`))
  assert.ok(wide.length > narrow.length)
  assert.deepEqual(wide.subarray(0, narrow.length), narrow)
  assert.equal(await rig.disk.stat(`${EPOCH_DIRECTORY}/records/000.p`), undefined)
})

test('entries of the next segment that came early stay out of the closed one', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, 400)
  rig.packer.add(batchOf(0, entries))
  await rig.packer.closeSegment({ first: 0, end: 300 })
  await assertAllOpen(rig, entries)
  await rig.packer.closeSegment({ first: 300, end: 400 })
  await assertAllOpen(rig, entries, [])
})

for (const [blocks, layout] of [
  [3, 1],
  [4, 2],
] as const) {
  test(`${blocks} blocks at once are packed in layout ${layout}, and so are persons`, async () => {
    const rig = await Rig.open(new SimulatedDisk())
    const entries = traffic(rig, blocks * 256 + 20)
    rig.packer.add(batchOf(0, entries))
    await rig.packer.settle(blocks * 256)
    await rig.packer.closeSegment({ first: 0, end: blocks * 256 })
    for (const path of ['records/000', 'acts/001', 'persons/0000000000000000']) {
      const bytes = await rig.disk.read(`${EPOCH_DIRECTORY}/${path}`)
      const layouts = splitPacks(path, bytes).map(({ header }) => header.layout)
      assert.deepEqual(new Set(layouts), new Set([layout]), path)
    }
    await assertAllOpen(rig, entries)
  })
}

test('nothing is kept of what is in files, and all of what is not', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  rig.packer.add(batchOf(0, traffic(rig, 600)))
  assert.equal(rig.packer.keptFrom, 0)
  await rig.packer.settle(600)
  assert.equal(rig.packer.keptFrom, 512)
  await rig.packer.closeSegment({ first: 0, end: 600 })
  assert.equal(rig.packer.keptFrom, 600)
})

test('payloads that are no records are packed as they are', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const payloads = Array.from({ length: 256 }, (_, at) => new SeededRandom(at + 1).bytes(700))
  const entries = payloads.map((payload) => ({ leaf: new Uint8Array(33), payload }))
  rig.packer.add(batchOf(0, entries))
  await rig.packer.settle(256)
  const { records } = await rig.reader().block(0)
  assert.deepEqual(
    records.map(({ opaque }) => opaque && Buffer.from(opaque)),
    payloads.map((each) => Buffer.from(each)),
  )
})

test('without the key of a person nothing but their sections is closed', async () => {
  const { rig, entries } = await packed(300)
  const ada = rig.vault.subjectKey(ADA, 1_795_248_600_000_000)
  const path = `${KEYS_DIRECTORY}/2026-11.keys`
  const rows = await rig.disk.read(path)
  const at = Buffer.from(rows).indexOf(ada.id) - 4
  const file = await rig.disk.open(path, { for: 'write', create: 'never' })
  await file.write(at, new Uint8Array(128))
  await file.close()
  const { records, faults } = await rig.reader().block(0)
  assert.deepEqual(faults, [])
  for (const record of records) {
    const entry = entries[record.index]
    assert.deepEqual(encodeLeaf(nodeSha256, record.sections), entry?.leaf)
    const isAda = record.sections.some(({ keyId }) => Buffer.compare(keyId, ada.id) === 0)
    const closed = record.sections.filter(({ open }) => open === undefined)
    assert.deepEqual(
      closed.map(({ id }) => id),
      isAda ? [2, 4] : [],
    )
    assert.ok(closed.every(({ fault }) => fault?.code === 'VAULT_KEY_MISSING'))
  }
})

test('one changed byte anywhere in the files is found, and the file named', async () => {
  const { rig, entries } = await packed(256)
  for (const path of ['records/000', 'acts/000', 'persons/0000000000000000']) {
    const whole = `${EPOCH_DIRECTORY}/${path}`
    const good = await rig.disk.read(whole)
    for (let at = 0; at < good.length; at += 23) {
      const file = await rig.disk.open(whole, { for: 'write', create: 'never' })
      await file.write(at, Uint8Array.of((good[at] ?? 0) ^ 0x41))
      const found = await faultsOf(rig, entries.length)
      await file.write(at, good.subarray(at, at + 1))
      await file.close()
      assert.ok(found.length > 0, `byte ${at} of ${path} went unseen`)
      assert.ok(
        found.some(({ place }) => place.file === path),
        `byte ${at} of ${path}: ${found[0]}`,
      )
    }
  }
  assert.deepEqual(await faultsOf(rig, entries.length), [])
})

async function faultsOf(rig: Rig, count: number): Promise<readonly VaultError[]> {
  const { records, faults } = await rig.reader().block(0)
  const inside = records.flatMap(({ sections }) => sections.flatMap(({ fault }) => fault ?? []))
  const missing = records.length < count && faults.length === 0 && inside.length === 0
  assert.ok(!missing, 'records are missing without a fault')
  return [...faults, ...inside]
}

test('entries out of order are our own fault, and refused', async () => {
  const rig = await Rig.open(new SimulatedDisk())
  const entries = traffic(rig, 10)
  rig.packer.add(batchOf(0, entries))
  assert.throws(
    () => rig.packer.add(batchOf(11, entries)),
    (error) => error instanceof VaultError && error.code === 'VAULT_ORDER',
  )
})

/** Three segments of 200, 130 and 270 entries, closed one after the other. */
const SEGMENTS = [0, 200, 330, 600] as const

/** What a ledger does: add what is kept, settle, close; what is `dropped` is not added again. */
async function pack(
  rig: Rig,
  entries: readonly SampleEntry[],
  state: { dropped: number },
): Promise<void> {
  const start = SEGMENTS[state.dropped] ?? 0
  await rig.packer.resume(start)
  rig.packer.add(batchOf(start, entries.slice(start)))
  for (let segment = state.dropped; segment + 1 < SEGMENTS.length; segment++) {
    const [first = 0, end = 0] = SEGMENTS.slice(segment, segment + 2)
    await rig.packer.settle(end)
    await rig.packer.closeSegment({ first, end })
    state.dropped = segment + 1
  }
}

const STEPS = ['open', 'write', 'sync', 'rename', 'remove', 'sync-directory'] as const
for (const operation of STEPS) {
  test(`after a crash at any ${operation} the next run completes, no file changes`, async () => {
    for (let nth = 1; ; nth++) {
      const struck = await crashAt({ operation, nth, effect: nth % 2 === 0 ? 'part' : 'none' })
      if (!struck) return assert.ok(nth > 1, `no point of ${operation}`)
    }
  })
}

async function crashAt(fault: DiskFault): Promise<boolean> {
  const disk = new SimulatedDisk({ random: new SeededRandom(fault.nth) })
  const rig = await Rig.open(disk)
  const entries = traffic(rig, 600)
  const state = { dropped: 0 }
  disk.inject(fault)
  const struck = await pack(rig, entries, state).then(
    () => false,
    () => true,
  )
  const power = fault.nth % 3 === 0 ? 'kept' : 'lost'
  const left = disk.crash({ power, random: new SeededRandom(fault.nth) })
  const before = await filesOf(left)
  const next = await Rig.open(left, 1000 + fault.nth)
  await pack(next, entries, state)
  const after = await filesOf(left)
  for (const [path, bytes] of before) {
    const isFinished = !path.endsWith('.tmp') && !path.includes('.p/')
    if (isFinished) assert.deepEqual(after.get(path), bytes, `${path} changed`)
  }
  await assertAllOpen(next, entries, [])
  assert.deepEqual(left.misuses, [])
  return struck
}

async function filesOf(disk: SimulatedDisk): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const visit = async (path: string): Promise<void> => {
    for (const { name, kind } of await disk.list(path)) {
      if (kind === 'directory') await visit(`${path}/${name}`)
      else files.set(`${path}/${name}`, await disk.read(`${path}/${name}`))
    }
  }
  if ((await disk.stat(EPOCH_DIRECTORY)) !== undefined) await visit(EPOCH_DIRECTORY)
  return files
}

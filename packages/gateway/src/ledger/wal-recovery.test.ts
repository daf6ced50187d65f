import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LeafIndex, leafIndex, type TreeSize } from '@countersign/tlog'
import { DiskError } from '../platform/index.ts'
import type { LedgerErrorCode } from './error.ts'
import { FRAME_HEADER_BYTES, frameEnd, readFrameHeader } from './frame.ts'
import { segmentName } from './layout.ts'
import { appendAll, changeFile, DATA, entry, flip, hasCode, Machine } from './testing.ts'
import { SEGMENT_LIMITS } from './wal-writer.ts'

const WAL = `${DATA}/state/wal`
const limits = { ...SEGMENT_LIMITS, preallocateBytes: 4_096, segmentEntriesMax: 10 }

function segmentPath(first: number): string {
  return `${WAL}/${segmentName(leafIndex(first))}`
}

/**
 * Six published entries, one a frame, then three that are not, in segments of at most ten; the
 * process is killed.
 */
async function killed(unpublished = 3): Promise<Machine> {
  const machine = new Machine()
  const ledger = await machine.open({ limits })
  for (let number = 0; number < 6; number += 1) await ledger.append(entry(number))
  await machine.clock.advance(1_000)
  for (let number = 6; number < 6 + unpublished; number += 1) await ledger.append(entry(number))
  machine.crash('kept')
  return machine
}

/** Where the frames of a segment begin. */
async function framesOf(machine: Machine, first: number): Promise<readonly number[]> {
  const bytes = await machine.disk.read(segmentPath(first))
  const found: number[] = []
  let at = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4)
  for (let frame = readFrameHeader(bytes, at); frame !== undefined; ) {
    found.push(at)
    at = frameEnd(at, frame.sealedBytes)
    frame = readFrameHeader(bytes, at)
  }
  return [...found, at]
}

for (const [name, damage] of [
  ['a flipped bit in its last frame', (last: number) => flip(last + FRAME_HEADER_BYTES + 3)],
  ['a flipped bit in the header of its last frame', (last: number) => flip(last + 9)],
  ['a last frame of which only the end arrived', zero],
  ['a last frame that the file ends within', (last: number) => cutAt(last + 40)],
  ['bytes that are no frame', (_: number, end: number) => write(end, 0xff)],
] as const) {
  test(`beyond the lock's size, ${name} is a torn tail: cut, reported, and gone`, async () => {
    const machine = await killed()
    const frames = await framesOf(machine, 0)
    const [last = 0, end = 0] = frames.slice(-2)
    await changeFile(machine.disk, segmentPath(0), damage(last, end))
    const ledger = await machine.open({ limits })
    const isExtra = name === 'bytes that are no frame'
    const { recovery } = ledger
    assert.equal(recovery.size, isExtra ? 9 : 8)
    assert.deepEqual(
      { file: recovery.cut?.file, offset: recovery.cut?.offset, entry: recovery.cut?.entry },
      { file: segmentPath(0), offset: isExtra ? end : last, entry: recovery.size },
    )
    assert.deepEqual(await appendAll(ledger, 8, 9), [recovery.size])
    await ledger.close()
    const again = await machine.open({ limits })
    assert.equal(again.recovery.cut, undefined)
    await again.close()
  })
}

function zero(last: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => Uint8Array.from(bytes).fill(0, last, last + FRAME_HEADER_BYTES + 8)
}

function cutAt(offset: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => bytes.slice(0, offset)
}

function write(offset: number, value: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => Uint8Array.from(bytes).fill(value, offset, offset + 5)
}

test('a bad frame with a whole one behind it was flushed: damage, located', async () => {
  const machine = await killed()
  const at = (await framesOf(machine, 0)).at(-3) ?? 0
  await changeFile(machine.disk, segmentPath(0), flip(at + FRAME_HEADER_BYTES))
  const where = new RegExp(`${segmentPath(0)}: frame at byte ${at}, entry 7 onward, is damaged`)
  await assert.rejects(machine.open({ limits }), hasCode('LEDGER_DAMAGED', where))
})

test('a bad last frame below the size of the lock was published: damage', async () => {
  const machine = await killed(0)
  const at = (await framesOf(machine, 0)).at(-2) ?? 0
  await changeFile(machine.disk, segmentPath(0), flip(at + FRAME_HEADER_BYTES))
  const why = /entry 5 onward, is damaged: 6 were published/
  await assert.rejects(machine.open({ limits }), hasCode('LEDGER_DAMAGED', why))
})

test('a bad last frame of a segment that has a successor was flushed: damage', async () => {
  const machine = await killed(8)
  const at = (await framesOf(machine, 0)).at(-2) ?? 0
  await changeFile(machine.disk, segmentPath(0), flip(at + FRAME_HEADER_BYTES))
  await assert.rejects(
    machine.open({ limits }),
    hasCode('LEDGER_DAMAGED', /entry 9 onward, is damaged: a later segment follows/),
  )
})

for (const [name, harm, code, message] of [
  [
    'a header with a flipped bit',
    (machine: Machine) => changeFile(machine.disk, segmentPath(0), flip(30)),
    'LEDGER_DAMAGED',
    /000000\.wal: header of the write-ahead segment is not as it was written/,
  ],
  [
    'a segment that is missing',
    (machine: Machine) => machine.disk.remove(segmentPath(0)),
    'LEDGER_DAMAGED',
    /holds entries 10 to 14, but 6 were published/,
  ],
  [
    'a segment under the name of another',
    (machine: Machine) => machine.disk.rename(segmentPath(10), segmentPath(11)),
    'LEDGER_DAMAGED',
    /the segment before it ends at entry 10/,
  ],
] as const satisfies readonly (readonly [
  string,
  (machine: Machine) => Promise<void>,
  LedgerErrorCode,
  RegExp,
])[]) {
  test(`${name} refuses to open`, async () => {
    const machine = await killed(8)
    await harm(machine)
    await assert.rejects(machine.open({ limits }), hasCode(code, message))
  })
}

test('what a failed flush left in memory is flushed before it is integrated', async () => {
  const machine = new Machine()
  const before = await machine.open({ limits })
  await before.append(entry(0))
  // The kernel reports the failure once, keeps the page, and forgets that it was never written.
  machine.disk.inject({ operation: 'write', nth: 1, effect: 'all', path: '.wal' })
  await assert.rejects(before.append(entry(1)), hasCode('LEDGER_DEAD'))
  await before.died
  const ledger = await machine.open({ limits })
  assert.equal(ledger.recovery.size, 2)
  assert.equal(ledger.recovery.copiedSegments, 1)
  machine.crash('lost', 0)
  const again = await machine.open({ limits })
  assert.equal(again.recovery.size, 2)
  await again.close()
})

test('what dead incarnations left open is told, and stays open until closed', async () => {
  const machine = new Machine()
  const first = await machine.open({ limits })
  const tag = new Uint8Array(16).fill(7)
  await first.append(entry(0, { opens: tag }))
  await first.append(entry(1, { opens: tag.map(() => 8) }))
  await first.append(entry(2, { closes: 0 as LeafIndex }))
  await appendAll(first, 3, 30)
  machine.crash('lost', 0)
  const second = await machine.open({ limits })
  assert.deepEqual(second.recovery.interrupted, [{ index: 1, tag: tag.map(() => 8) }])
  machine.crash('lost', 0)
  const third = await machine.open({ limits })
  assert.deepEqual(
    third.recovery.interrupted.map(({ index }) => index),
    [1],
  )
  assert.equal(await third.append(entry(30, { closes: 1 as LeafIndex })), 30)
  await third.close()
  const fourth = await machine.open({ limits })
  assert.deepEqual(fourth.recovery.interrupted, [])
  await fourth.close()
})

test('dropped segments carry their open intents forward in the header of the next', async () => {
  const machine = new Machine()
  const first = await machine.open({ limits })
  await first.append(entry(0, { opens: new Uint8Array(16) }))
  await appendAll(first, 1, 11)
  await machine.clock.advance(1_000)
  assert.equal(await machine.disk.stat(segmentPath(0)), undefined)
  await first.close()
  const second = await machine.open({ limits })
  assert.deepEqual(
    second.recovery.interrupted.map(({ index }) => index),
    [0],
  )
  await second.close()
})

test('recovery that is cut short is done again with the same result', async () => {
  const machine = await killed(8)
  for (const operation of ['write', 'rename', 'sync-directory'] as const) {
    machine.disk.inject({ operation, nth: 2, path: 'wal' })
    await assert.rejects(machine.open({ limits }), DiskError)
    machine.crash('lost', 0.5)
  }
  const ledger = await machine.open({ limits })
  assert.equal(ledger.recovery.size, 14 as TreeSize)
  await ledger.close()
})

test('what was recovered is published at once, and the next life copies nothing', async () => {
  const machine = await killed()
  const life = await machine.open({ limits })
  assert.equal(life.recovery.copiedSegments, 1)
  await machine.clock.advance(0)
  assert.equal(life.published.size, 9)
  machine.crash('kept')
  const next = await machine.open({ limits })
  assert.deepEqual([next.recovery.lockSize, next.recovery.copiedSegments], [9, 0])
  await next.close()
})

test('reports of what was recovered wait for somebody who takes them', async () => {
  for (const [listens, isDropped] of [
    [false, false],
    [true, true],
  ] as const) {
    const machine = await killed()
    machine.packer.fails = undefined
    const life = await machine.open({ limits })
    if (listens) life.onPacked(() => undefined)
    await machine.clock.advance(0)
    assert.equal((await machine.disk.stat(segmentPath(0))) === undefined, isDropped)
    await machine.clock.advance(1_000)
    assert.equal(await machine.disk.stat(segmentPath(0)), undefined)
    await life.close()
  }
})

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { LedgerError, type Wal } from '../ledger/index.ts'
import { DiskError } from '../platform/index.ts'
import { type OpenedRecord, VaultError } from '../vault/index.ts'
import { namedOf } from './left-bodies.ts'

const LEFT = [{ sha256: 'ab'.repeat(32), incarnation: 1, path: '/data/bodies/incoming/x' }]
const reader = { block: () => Promise.reject(new Error('there is no block')) }

/** A write-ahead log that cannot be read so many times, and is empty then. */
function walAfter(failures: number, cause: Error): { reads: number; wal(): Promise<Wal> } {
  return {
    reads: 0,
    async wal() {
      this.reads += 1
      if (this.reads <= failures) throw cause
      const wal: unknown = { segments: [], entries: () => Readable.from([]) }
      return wal as Wal
    },
  }
}

for (const [name, cause, failures, reads] of [
  ['dropped while it is read', new DiskError('DISK_NOT_FOUND', '7.wal', 'gone'), 2, 3],
  ['packed while it is read', new VaultError('VAULT_FILE_MISSING', 'no block'), 1, 2],
  ['written while it is read', new LedgerError('LEDGER_DAMAGED', 'another frame follows'), 4, 5],
] as const) {
  test(`a segment that is ${name} is read again`, async () => {
    const log = walAfter(failures, cause)
    assert.deepEqual(await namedOf(LEFT, { wal: () => log.wal(), reader }), new Set())
    assert.equal(log.reads, reads)
  })
}

for (const [name, cause, reads] of [
  ['is damaged stays so', new LedgerError('LEDGER_DAMAGED', 'a frame is broken'), 5],
  ['the disk does not give is not asked for again', new DiskError('DISK_IO', '7.wal', 'EIO'), 1],
] as const) {
  test(`what ${name}`, async () => {
    const log = walAfter(9, cause)
    await assert.rejects(namedOf(LEFT, { wal: () => log.wal(), reader }), cause)
    assert.equal(log.reads, reads)
  })
}

const BEFORE_LOG = 300

/** Blocks whose entries stand in the packed files; of the newest so many are found. */
function packedBlocks(newest: readonly number[]) {
  let nth = 0
  const entry = (index: number): OpenedRecord => {
    const bytes = Buffer.from(`{"captured":{"sha256":"${'ab'.repeat(32)}"}}`)
    const open = index === BEFORE_LOG - 2 ? { bytes, salt: bytes } : { bytes: salt, salt }
    return { index, sections: [{ id: 5, open }] } as unknown as OpenedRecord
  }
  const salt = Buffer.from('{}')
  return {
    reads: () => nth,
    block: async (number: number) => {
      const count = number === 1 ? (newest[nth++] ?? BEFORE_LOG - 256) : 256
      const records = Array.from({ length: count }, (_, at) => entry(number * 256 + at))
      return { records, faults: [] }
    },
  }
}

test('a body has its name also where the file of its record gives way to a wider one', async () => {
  const blocks = packedBlocks([0, 20])
  const wal: unknown = { segments: [BEFORE_LOG], entries: () => Readable.from([]) }
  const named = await namedOf(LEFT, { wal: async () => wal as Wal, reader: blocks })
  assert.deepEqual([...named], ['ab'.repeat(32)])
  assert.equal(blocks.reads(), 3)
})

test('where entries before the log stay away nobody is called nameless', async () => {
  const blocks = packedBlocks([0, 0, 0, 0, 0, 0])
  const wal: unknown = { segments: [BEFORE_LOG], entries: () => Readable.from([]) }
  const found = namedOf(LEFT, { wal: async () => wal as Wal, reader: blocks })
  await assert.rejects(found, { code: 'VAULT_FILE_MISSING', message: /0 of the 44 entries/ })
})

// What somebody may do to the files of a ledger, one row each, with what the audit must say. The
// numbers are those of the catalogue of tamper operations in docs/threat-model.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeBundle,
  encodeBundle,
  formatCheckpoint,
  formatNote,
  hashBundle,
  hashLeaf,
  parseCheckpoint,
  parseNote,
  treeSize,
} from '@countersign/tlog'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MADE_ORIGIN, MadeLedger, someTraffic } from './made-ledger.ts'
import { LogKeys, makeLog, rootOf, someEntries, text } from './made-log.ts'

const SIZE = 20
const LOG = `${DATA}/1/log`
const BUNDLE = `${LOG}/tile/entries/000.p/${SIZE}`
const TILE = `${LOG}/tile/0/000.p/${SIZE}`
const CHECKPOINT = `${LOG}/checkpoint`
const ROWS = `${DATA}/1/checkpoints/00000000`
const RECORDS = `${DATA}/1/records/000.p/16`
const PERSONS = `${DATA}/1/persons/0000000000000000`
const AHEAD = `${DATA}/state/wal/0000000000000016.wal`
const KEY_ROWS = `${DATA}/keys/2026-01.keys`
const HUGE = new Uint8Array(400_000_000)
const MORE_PERSONS = `${DATA}/1/persons/0000000000000008`

const honest = await makeLedger(1)
const stranger = new LogKeys(MADE_ORIGIN, 77)

/** The same seed and the same traffic make the same bytes: all but what `path` changes. */
async function makeLedger(seed: number, path?: string): Promise<FileMap> {
  const ledger = new MadeLedger(seed, { segmentEntriesMax: 8 })
  const recorder = await ledger.start()
  for (const from of [0, 2, 4]) {
    await someTraffic(recorder, from, from === 2 ? path : undefined)
    await ledger.publish()
  }
  await ledger.stop(recorder)
  assert.deepEqual(ledger.faults, [])
  return ledger.files()
}

const entries = decodeBundle(honest.bytes(BUNDLE), SIZE)
const note = parseNote(honest.bytes(CHECKPOINT))
const checkpoint = parseCheckpoint(note.text)
const changedEntries = entries.map((entry, at) => (at === 9 ? other(entry) : entry))

function other(entry: Uint8Array): Uint8Array {
  return Uint8Array.from(entry, (byte, at) => (at === 5 ? byte ^ 1 : byte))
}

function bundle(of: readonly Uint8Array[]): FileMap {
  return honest.with(BUNDLE, encodeBundle(of))
}

/** Bundle and tiles of these entries, at every size; what was signed stays as it was. */
function recomputed(of: readonly Uint8Array[]): FileMap {
  let files = honest
  for (const path of honest.files.keys()) {
    const width = Number(/000\.p\/([0-9]+)$/.exec(path)?.[1] ?? 0)
    if (path.startsWith(`${LOG}/tile/entries`)) {
      files = files.with(path, encodeBundle(of.slice(0, width)))
    } else if (path.startsWith(`${LOG}/tile/0`)) {
      const bytes = encodeBundle(of.slice(0, width))
      files = files.with(path, hashBundle(nodeSha256, bytes, width))
    }
  }
  return files
}

function checkpointWith(change: Partial<typeof checkpoint>): FileMap {
  const signed = formatCheckpoint({ ...checkpoint, ...change })
  return honest.with(CHECKPOINT, text(formatNote({ ...note, text: signed })))
}

function rewritten(change: (note: string) => string): FileMap {
  return honest.with(CHECKPOINT, text(change(new TextDecoder().decode(honest.bytes(CHECKPOINT)))))
}

const strangersNote = parseNote(stranger.checkpoint(treeSize(SIZE), checkpoint.root))
const [strangersLine] = strangersNote.signatures
const [ownLine, ownLattice] = note.signatures
assert.ok(strangersLine !== undefined && ownLine !== undefined && ownLattice !== undefined)

const junk = Array.from({ length: 101 }, (_, at) => ({ ...strangersLine, name: `w${at}.example` }))
const noted = (signatures: typeof note.signatures): FileMap =>
  honest.with(CHECKPOINT, text(formatNote({ text: note.text, signatures })))

interface Want {
  readonly exit?: 0 | 1
  readonly kind?: string
  readonly index?: number
  readonly file?: string
}

const ENTRY_9: Want = { kind: 'entry', index: 9 }

const CASES: readonly (readonly [string, FileMap | Promise<FileMap>, Want])[] = [
  ['T02 one field of a record', swapped('/orders/666'), { kind: 'record', index: 7 }],
  ['T03 a middle entry deleted', bundle(entries.toSpliced(9, 1)), ENTRY_9],
  ['T04 an entry inserted', bundle(entries.toSpliced(9, 0, text('new'))), ENTRY_9],
  ['T05 two entries swapped', bundle(exchange(entries, 9, 12)), ENTRY_9],
  ['T06 an entry duplicated', bundle(entries.toSpliced(9, 0, entries[8] ?? text(''))), ENTRY_9],
  ['T07 the tail cut below the size', bundle(entries.slice(0, 12)), { kind: 'entry', index: 12 }],
  ['T08 cut within an entry', cut(BUNDLE, 35 * 12 + 4), { kind: 'entry', index: 12 }],
  ['T09 entry and its hash', rehashed(), ENTRY_9],
  ['T10 all recomputed, no key', recomputed(changedEntries), ENTRY_9],
  ['T13 a tile of another log', foreignTile(), { kind: 'tile', file: '1/log/tile/0/000.p/20' }],
  ['T14 a file of the search index', honest.with(`${DATA}/index/db`, text('x')), { exit: 0 }],
  ['T16 a bundle deleted', honest.without(BUNDLE), { kind: 'entry', file: rel(BUNDLE) }],
  ['T16 a tile deleted', honest.without(TILE), { kind: 'tile', file: rel(TILE) }],
  ['T16 a block deleted', honest.without(RECORDS), { kind: 'record', index: 2 }],
  ['T16 a persons file deleted', honest.without(PERSONS), { kind: 'record', index: 2 }],
  ['T16 the write-ahead log deleted', withoutAhead(), { kind: 'file', file: 'state/wal' }],
  ['T16 the rows deleted', honest.without(ROWS), { kind: 'checkpoint', file: rel(ROWS) }],
  ['T16 a row in the middle deleted', withoutRow(7), { file: '1/checkpoints/notes/7' }],
  ['T16 the checkpoint deleted', honest.without(CHECKPOINT), { file: rel(CHECKPOINT) }],
  ['T16 the key list deleted', honest.without(`${LOG}/vkeys`), { file: '1/log/vkeys' }],
  ['T17 two files swapped', swap(PERSONS, MORE_PERSONS), { kind: 'record', file: rel(PERSONS) }],
  ['T17 a bundle under another name', moved(BUNDLE, `${LOG}/tile/entries/001`), { exit: 1 }],
  ['T18 a block filled with zeros', zeros(RECORDS), { kind: 'block', file: rel(RECORDS) }],
  ['T18 a bundle filled with zeros', zeros(BUNDLE), { kind: 'entry', index: 0 }],
  ['T19 size', checkpointWith({ size: treeSize(19) }), { kind: 'signature' }],
  ['T19 root', checkpointWith({ root: rootOf(changedEntries) }), { kind: 'signature' }],
  ['T19 origin', checkpointWith({ origin: 'other.example' }), { file: rel(CHECKPOINT) }],
  [
    'T19 extension line',
    rewritten((it) => it.replace('\n\n', '\nx 1\n\n')),
    { kind: 'checkpoint' },
  ],
  ['T20 signed by another key', noted(strangersNote.signatures), { kind: 'signature' }],
  [
    'T20 another key under the same key id',
    noted([collision(), ownLattice]),
    { kind: 'signature' },
  ],
  [
    'T20 a strange line in the log’s name',
    noted([...note.signatures, strangersLine]),
    {
      kind: 'signature',
    },
  ],
  ['T21 a key removed, and its signatures', withoutLattice(), { kind: 'key' }],
  ['T21 a signature removed', noted([ownLine]), { kind: 'signature' }],
  ['T21 a signature twice', noted([...note.signatures, ownLine]), { kind: 'signature' }],
  ['T21 a line by somebody else', noted([...note.signatures, ...junk.slice(0, 1)]), { exit: 0 }],
  ['T21 more than 100 lines', manyLines(), { kind: 'checkpoint', file: rel(CHECKPOINT) }],
  [
    'T22 size with a zero before it',
    rewritten((it) => it.replace('\n20\n', '\n020\n')),
    {
      kind: 'checkpoint',
    },
  ],
  ['T22 root in another spelling', rewritten((it) => respell(it)), { kind: 'checkpoint' }],
  [
    'T22 line ends of another system',
    rewritten((it) => it.replaceAll('\n', '\r\n')),
    {
      kind: 'checkpoint',
    },
  ],
  ['T23 a length that is too long', honest.flip(BUNDLE, 0, 0x7f), { kind: 'entry', index: 0 }],
  ['T23 bytes after the last entry', longer(BUNDLE), { kind: 'entry', file: rel(BUNDLE) }],
  ['T23 bytes after a tile', longer(TILE), { kind: 'tile', file: rel(TILE) }],
  ['T23 bytes after a block', longer(RECORDS), { kind: 'block', file: rel(RECORDS) }],
  ['T23 bytes after the key list', longer(`${LOG}/vkeys`), { file: '1/log/vkeys' }],
  ['T23 the key list twice', twice(`${LOG}/vkeys`), { kind: 'key', file: '1/log/vkeys' }],
  ['T26 a link in a bundle’s place', honest.withOther(BUNDLE), { file: rel(BUNDLE) }],
  ['T26 a pipe in a block’s place', honest.withOther(RECORDS), { file: rel(RECORDS) }],
  ['T26 a pipe in the write-ahead log', honest.withOther(AHEAD), { file: 'state/wal' }],
  ['T26 a huge segment', honest.with(AHEAD, HUGE), { file: 'state/wal' }],
  ['T26 a pipe for a file of keys', honest.withOther(KEY_ROWS), { kind: 'block' }],
  ['T26 a huge block', honest.with(RECORDS, HUGE), { kind: 'block', index: 0 }],
  ['T26 a pipe for the key', honest.withOther(`${DATA}/keys/kek`), { file: 'keys/kek' }],
  ['T26 a huge key', honest.with(`${DATA}/keys/kek`, HUGE), { file: 'keys/kek' }],
  ['T26 a huge check value', honest.with(`${DATA}/keys/kek.check`, HUGE), { kind: 'file' }],
  [
    'T26 a strange file',
    honest.with(`${LOG}/tile/readme`, text('')),
    { file: '1/log/tile/readme' },
  ],
  ['T26 a tile at an unknown level', honest.with(`${LOG}/tile/64/000`, text('')), { kind: 'file' }],
  [
    'T26 a huge checkpoint',
    honest.with(CHECKPOINT, new Uint8Array(2_000_000)),
    {
      file: rel(CHECKPOINT),
    },
  ],
  ['T31 an older checkpoint put back', olderCheckpoint(), { kind: 'rollback', file: rel(ROWS) }],
]

for (const [name, files, want] of CASES) {
  test(name, async () => {
    const report = await audit(await files)
    const said = JSON.stringify(report.bad.slice(0, 3))
    assert.equal(report.exit, want.exit ?? 1, said)
    const { exit: _exit, ...place } = want
    if (Object.keys(place).length === 0) return
    const first = { ...report.bad[0] }
    for (const [field, value] of Object.entries(place)) {
      assert.equal(first[field as keyof typeof first], value, `${field} of ${said}`)
    }
  })
}

for (const path of [
  'records/000.p/7',
  'records/999',
  'persons/0000000000999999',
  'log/tile/7/999',
]) {
  test(`a file that nothing vouches for is not passed over in silence: ${path}`, async () => {
    const report = await audit(honest.with(`${DATA}/1/${path}`, text('junk')))
    assert.deepEqual(
      report.notChecked.map(({ file }) => file),
      [`1/${path}`],
    )
  })
}

function audit(files: FileMap): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: DATA })
}

function rel(path: string): string {
  return path.slice(DATA.length + 1)
}

/** Somebody who holds the keys seals another record in place of the one that was logged. */
async function swapped(path: string): Promise<FileMap> {
  const forged = await makeLedger(1, path)
  return honest.with(RECORDS, forged.bytes(RECORDS))
}

function exchange<Item>(list: readonly Item[], one: number, another: number): readonly Item[] {
  return list.map(
    (item, at) => (at === one ? list[another] : at === another ? list[one] : item) ?? item,
  )
}

function cut(path: string, length: number): FileMap {
  return honest.with(path, honest.bytes(path).slice(0, length))
}

function longer(path: string): FileMap {
  return honest.with(path, Buffer.concat([honest.bytes(path), text('\n')]))
}

/** Whoever could forge one of the two signatures would wish for this. */
function withoutLattice(): FileMap {
  assert.ok(ownLine !== undefined)
  const [vkey = ''] = new TextDecoder().decode(honest.bytes(`${LOG}/vkeys`)).split('\n')
  let files = noted([ownLine])
    .with(`${LOG}/vkeys`, text(`${vkey}\n`))
    .without(`${DATA}/keys/kek`)
  for (const path of honest.files.keys()) {
    if (!path.includes('/notes/')) continue
    const { text: signed, signatures } = parseNote(honest.bytes(path))
    files = files.with(path, text(formatNote({ text: signed, signatures: signatures.slice(0, 1) })))
  }
  return files
}

function withoutRow(size: number): FileMap {
  const rows = Buffer.from(honest.bytes(ROWS))
  const starts = Array.from({ length: rows.length / 104 }, (_, at) => at * 104)
  const kept = starts.filter((at) => rows.readBigUInt64BE(at) !== BigInt(size))
  assert.ok(kept.length < starts.length)
  return honest.with(ROWS, Buffer.concat(kept.map((at) => rows.subarray(at, at + 104))))
}

function withoutAhead(): FileMap {
  return honest.without(...[...honest.files.keys()].filter((path) => path.includes('/wal/')))
}

function twice(path: string): FileMap {
  return honest.with(path, Buffer.concat([honest.bytes(path), honest.bytes(path)]))
}

function zeros(path: string): FileMap {
  return honest.with(path, new Uint8Array(honest.bytes(path).length))
}

function swap(one: string, another: string): FileMap {
  return honest.with(one, honest.bytes(another)).with(another, honest.bytes(one))
}

function moved(from: string, to: string): FileMap {
  return honest.with(to, honest.bytes(from)).without(from)
}

function rehashed(): FileMap {
  const tile = honest.bytes(TILE).slice()
  tile.set(hashLeaf(nodeSha256, changedEntries[9] ?? text('')), 9 * 32)
  return bundle(changedEntries).with(TILE, tile)
}

function foreignTile(): FileMap {
  const foreign = makeLog(stranger, someEntries(SIZE))
  return honest.with(TILE, foreign.get(`tile/0/000.p/${SIZE}`) ?? text(''))
}

function collision() {
  assert.ok(strangersLine !== undefined && ownLine !== undefined)
  return { ...strangersLine, keyId: ownLine.keyId }
}

function manyLines(): FileMap {
  const line = formatNote({ text: note.text, signatures: junk.slice(0, 1) }).split('\n\n')[1] ?? ''
  return rewritten((it) => it + line.repeat(101))
}

/** The last character of a root in base64 has bits that are not used. */
function respell(it: string): string {
  const root = it.split('\n')[2] ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = alphabet.indexOf(root.at(-2) ?? '')
  return it.replace(root, `${root.slice(0, -2)}${alphabet[last + 1]}=`)
}

function olderCheckpoint(): FileMap {
  return honest.with(CHECKPOINT, honest.bytes(`${DATA}/1/checkpoints/notes/7`))
}

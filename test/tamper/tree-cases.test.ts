// Damage in a log of several levels: which of the files is wrong, decided by the signed root alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBundle, hashBundle } from '@countersign/tlog'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { FileMap } from './file-map.ts'
import { LogKeys, makeLog, someEntries, text } from './made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)
const SIZE = 66_000
const entries = someEntries(SIZE)
const honest = logOf(entries)

function logOf(of: readonly Uint8Array[]): FileMap {
  const files = [...makeLog(keys, of)]
  return new FileMap(new Map(files.map(([path, bytes]) => [`log/${path}`, bytes])))
}

const at = (path: string): Uint8Array => honest.bytes(`log/${path}`)
const put = (files: FileMap, path: string, bytes: Uint8Array): FileMap =>
  files.with(`log/${path}`, bytes)
const swap = (one: string, other: string): FileMap =>
  put(put(honest, one, at(other)), other, at(one))
const bundleOf = (number: number, change: number): Uint8Array =>
  encodeBundle(
    entries
      .slice(number * 256, number * 256 + 256)
      .map((entry, place) => (place === change ? text('forged') : entry)),
  )

/** Entry 9 of bundle 3 and the tile over it, and the tile above that. */
function upTo(levels: number): FileMap {
  const bundle = bundleOf(3, 9)
  let files = put(honest, 'tile/entries/003', bundle)
  if (levels > 0) files = put(files, 'tile/0/003', hashBundle(nodeSha256, bundle, 256))
  if (levels > 1) files = put(files, 'tile/1/000', forged.bytes('log/tile/1/000'))
  if (levels > 2) files = put(files, 'tile/2/000.p/1', forged.bytes('log/tile/2/000.p/1'))
  return files
}

const forged = logOf(
  entries.map((entry, index) => (index === 3 * 256 + 9 ? text('forged') : entry)),
)
const flipped = Uint8Array.from(at('tile/1/000'), (byte, place) => (place === 7 ? byte ^ 1 : byte))
const cutTile = at('tile/0/003').slice(0, 32 * 10)

interface Want {
  readonly kind: string
  readonly index?: number | null
  readonly file?: string | null
}

const FORGED: Want = { kind: 'entry', index: 3 * 256 + 9, file: 'tile/entries/003' }

for (const [name, files, wants] of [
  ['an entry', upTo(0), [FORGED]],
  ['an entry and its tile', upTo(1), [{ kind: 'entry', index: 768, file: null }]],
  ['an entry and two tiles', upTo(2), [{ kind: 'entry', index: 0, file: null }]],
  ['an entry and every tile', upTo(3), [{ kind: 'entry', index: 0, file: null }]],
  ['a tile of level 1', put(honest, 'tile/1/000', flipped), [{ kind: 'tile', file: 'tile/1/000' }]],
  [
    'an entry, and a tile of level 1',
    put(upTo(0), 'tile/1/000', flipped),
    [FORGED, { kind: 'tile', file: 'tile/1/000' }],
  ],
  [
    'two tiles swapped',
    swap('tile/0/003', 'tile/0/004'),
    [
      { kind: 'tile', file: 'tile/0/003' },
      { kind: 'tile', file: 'tile/0/004' },
    ],
  ],
  [
    'two bundles swapped',
    swap('tile/entries/003', 'tile/entries/004'),
    [
      { kind: 'entry', index: 768 },
      { kind: 'entry', index: 769 },
    ],
  ],
  [
    'a full tile by a partial one',
    put(honest, 'tile/0/003', cutTile),
    [{ kind: 'tile', file: 'tile/0/003' }],
  ],
  [
    'a full tile deleted, a partial one there',
    honest.with('log/tile/0/003.p/10', cutTile).without('log/tile/0/003'),
    [{ kind: 'tile', file: 'tile/0/003' }],
  ],
  [
    'a bundle and its tile deleted',
    honest.without('log/tile/0/003', 'log/tile/entries/003'),
    [
      { kind: 'entry', index: 768, file: 'tile/entries/003' },
      { kind: 'tile', file: 'tile/0/003' },
    ],
  ],
  [
    'the tile at the top deleted',
    honest.without('log/tile/2/000.p/1'),
    [{ kind: 'tile', file: 'tile/2/000.p/1' }],
  ],
] as readonly (readonly [string, FileMap, readonly Want[]])[]) {
  test(`changed: ${name}`, async () => {
    const report = await audit(files)
    assert.equal(report.exit, 1)
    const found = report.bad.slice(0, wants.length)
    for (const [place, want] of wants.entries()) {
      const { kind, index, file } = found[place] ?? {}
      const said = { kind, index, file }
      assert.deepEqual(said, Object.assign({}, said, want), JSON.stringify(found))
    }
  })
}

test('a partial tile of an earlier size that a full one replaced is no fault', async () => {
  const files = honest
    .with('log/tile/0/003.p/10', cutTile)
    .with('log/tile/entries/003.p/10', encodeBundle(entries.slice(768, 778)))
  assert.deepEqual((await audit(files)).bad, [])
})

test('what lies beyond the checkpoint is no fault: a gateway publishes it next', async () => {
  const files = new FileMap(
    new Map([...logOf(someEntries(300)).files, ...logOf(someEntries(200)).files]),
  )
  const report = await audit(files)
  assert.deepEqual(report.bad, [])
  assert.equal(report.size, 200)
})

function audit(files: FileMap): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: 'log', keys: keys.vkeys })
}

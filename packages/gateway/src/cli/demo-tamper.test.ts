import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  encodeBundle,
  entriesPath,
  formatCheckpoint,
  formatNote,
  treeSize,
} from '@countersign/tlog'
import { run } from '../../../../test/run-cli.ts'
import { nodeDisk, writeFileDurably } from '../platform/index.ts'

const directory = await mkdtemp(join(tmpdir(), 'countersign-tamper-'))
after(() => rm(directory, { recursive: true }))

/** A log directory as it is published: `size` entries of 33 bytes, each filled with its index. */
async function publish(name: string, size: number): Promise<string> {
  const data = join(directory, name)
  const checkpoint = { origin: 'test', size: treeSize(size), root: new Uint8Array(32) }
  const signature = { name: 'test', keyId: 1, signature: new Uint8Array(64) }
  const note = formatNote({ text: formatCheckpoint(checkpoint), signatures: [signature] })
  await put(join(data, '1/log/checkpoint'), new TextEncoder().encode(note))
  const entries = Array.from({ length: Math.min(size, 256) }, (_, index) => {
    return new Uint8Array(33).fill(index)
  })
  const path = entriesPath({ index: 0, width: entries.length })
  await put(join(data, '1/log', path), encodeBundle(entries))
  return data
}

async function put(file: string, bytes: Uint8Array): Promise<void> {
  await nodeDisk().makeDirectory(join(file, '..'))
  await writeFileDurably(nodeDisk(), file, bytes)
}

for (const [size, entry, path, why] of [
  [300, 17, 'tile/entries/000', 'the bundle is full'],
  [44, 17, 'tile/entries/000.p/44', 'the bundle of the newest checkpoint'],
  [18, 17, 'tile/entries/000.p/18', 'the last that there is'],
  [3, 2, 'tile/entries/000.p/3', 'there is no entry 17: the newest it is'],
] as const) {
  test(`of ${size} entries, one bit of ${entry} is flipped: ${why}`, async () => {
    const data = await publish(String(size), size)
    const file = join(data, '1/log', path)
    const before = await readFile(file)
    const { exit, out } = await run(['demo', 'tamper', '--data', data, '--json'])
    assert.equal(exit, 0)
    const flip = JSON.parse(out) as { entry: number; file: string; byte: number }
    assert.deepEqual([flip.entry, flip.file], [entry, file])
    const after = await readFile(file)
    const changed = [...before.keys()].filter((at) => before[at] !== after[at])
    assert.deepEqual(changed, [flip.byte])
    assert.equal(Math.floor(flip.byte / 35), entry, 'the byte lies in that entry')
    assert.equal(Math.clz32((before[flip.byte] ?? 0) ^ (after[flip.byte] ?? 0)), 31, 'one bit')
  })
}

test('a directory without a published entry is left alone', async () => {
  await nodeDisk().makeDirectory(join(directory, 'empty/1/log'))
  const { exit, err } = await run(['demo', 'tamper', '--data', join(directory, 'empty')])
  assert.equal(exit, 2)
  assert.match(err, /nothing is published/)
})

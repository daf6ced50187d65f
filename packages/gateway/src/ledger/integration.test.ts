import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import {
  bundlesBetween,
  entriesPath,
  type LeafIndex,
  type TreeSize,
  tilePath,
  tilesBetween,
} from '@countersign/tlog'
import { DiskError, nodeSha256, SimulatedDisk } from '../platform/index.ts'
import { Batch } from './batch.ts'
import type { Integration } from './integration.ts'
import { LocalIntegration } from './local-integration.ts'
import { LogReader, readEdge } from './log-reader.ts'
import { OpenIntents } from './open-intents.ts'
import type { Span } from './packer.ts'
import { RemoteIntegration, serveIntegration } from './remote-integration.ts'
import { changeFile, flip, hasCode, NOBODY, RememberingPacker, text } from './testing.ts'

const LOG = '/log'
const EMPTY = nodeSha256.digest(new Uint8Array(0))
const NO_SIZE = 0 as TreeSize

/** Entries of the published test log: `entry-0`, `entry-1` …, and the roots that go with them. */
const ROOTS: Readonly<Record<number, string>> = {
  1: '40766b2033429026f53d54502679a839706b4741f8dcaf3a8bba5f41b5ffe075',
  255: '45da9f374748e17a372f71c00422b12e2bf96842f1f61c5740fe494e4becff0f',
  256: 'f85f4ead34080710b4d1e808301543aaab81aa04deb88599350dc26a4f2f58de',
  257: '918b1cec64f317c76e3cf55c0536841c039eff06772ebb8828ce7c176028b5ac',
  513: '086688832155761797c0047f40c8f9d84302d9a9af6d2630d890ffb848dd533f',
  65535: 'ef9727904944e47fac4b347c1fb33fceb917dce3d314e2c20b2d0fcfe110c281',
  65536: 'df2c606d114416fa600bf3495152e09e39e8be3d0e2e5501c352826539abda8e',
  70000: 'a62a54be33294ffd5a5c4c637fd754630b71a892e8356e3a666a5c8a7ffd1518',
}

class Bench {
  readonly disk = new SimulatedDisk()
  readonly packer = new RememberingPacker()
  readonly integration = this.open()

  open(): LocalIntegration {
    const { disk, packer } = this
    return new LocalIntegration({ disk, directory: LOG, sha256: nodeSha256, packer })
  }
}

function add(integration: Integration, first: number, end: number): void {
  const batch = new Batch()
  for (let number = first; number < end; number += 1) {
    const entry = { leaf: text(`entry-${number}`), payload: text('') }
    batch.add(entry, new OpenIntents(), NOBODY)
  }
  integration.add({ first: first as LeafIndex, count: end - first, plain: batch.plain() })
}

test('every published size has the known root, and the files the format asks for', async () => {
  const { disk, integration } = new Bench()
  await integration.resume(NO_SIZE, EMPTY)
  let before = NO_SIZE
  for (const size of Object.keys(ROOTS).map(Number) as TreeSize[]) {
    for (let at: number = before; at < size; at += 4_000) {
      add(integration, at, Math.min(size, at + 4_000))
    }
    const { root } = await integration.settle()
    assert.equal(Buffer.from(root).toString('hex'), ROOTS[size])
    for (const tile of tilesBetween(before, size)) {
      const { bytes = 0 } = (await disk.stat(`${LOG}/${tilePath(tile)}`)) ?? {}
      assert.equal(bytes, tile.width * 32, tilePath(tile))
    }
    for (const bundle of bundlesBetween(before, size)) {
      assert.ok(await disk.stat(`${LOG}/${entriesPath(bundle)}`), entriesPath(bundle))
    }
    before = size
  }
  const tile = await disk.read(`${LOG}/tile/0/000`)
  const digest = Buffer.from(nodeSha256.digest(tile)).toString('hex')
  assert.equal(digest, '8921c57d2f65271c82bf0f686c002793863c80c8d1cbbbf5db6046ff59e8b590')
  const edge = await readEdge(new LogReader(disk, LOG), nodeSha256, before)
  assert.deepEqual(
    edge.tiles.map(({ length }) => length / 32),
    [112, 17, 1],
  )
})

for (const path of ['tile/0/000', 'tile/0/001.p/44', 'tile/1/000.p/1', 'tile/entries/000']) {
  test(`a bit that flips in ${path} on its way is seen before anything is signed`, async () => {
    const { disk, integration } = new Bench()
    await integration.resume(NO_SIZE, EMPTY)
    add(integration, 0, 300)
    const rename = disk.rename.bind(disk)
    disk.rename = async (from, to) => {
      await rename(from, to)
      if (to === `${LOG}/${path}`) await changeFile(disk.observer(), to, flip(7))
    }
    await assert.rejects(integration.settle(), hasCode('LEDGER_INTEGRATION', /second pass/))
  })
}

test('what stood in an unfinished bundle before is read again when it grows', async () => {
  const { disk, integration } = new Bench()
  await integration.resume(NO_SIZE, EMPTY)
  add(integration, 0, 10)
  await integration.settle()
  add(integration, 10, 20)
  const rename = disk.rename.bind(disk)
  disk.rename = async (from, to) => {
    await rename(from, to)
    if (to.endsWith('entries/000.p/20')) await changeFile(disk.observer(), to, flip(4))
  }
  await assert.rejects(integration.settle(), hasCode('LEDGER_INTEGRATION', /second pass/))
})

test('partials go when the full tile is published, not when it is written', async () => {
  const { disk, integration } = new Bench()
  await integration.resume(NO_SIZE, EMPTY)
  add(integration, 0, 200)
  await integration.settle()
  add(integration, 200, 700)
  await integration.settle()
  assert.ok(await disk.stat(`${LOG}/tile/0/000.p/200`))
  await integration.collect(200 as TreeSize)
  assert.ok(await disk.stat(`${LOG}/tile/0/000.p/200`))
  await integration.collect(700 as TreeSize)
  for (const gone of ['tile/0/000.p', 'tile/entries/000.p']) {
    assert.equal(await disk.stat(`${LOG}/${gone}`), undefined)
  }
  assert.ok(await disk.stat(`${LOG}/tile/0/002.p/188`))
})

test('leftover partials of an earlier life are found and go', async () => {
  const bench = new Bench()
  await bench.integration.resume(NO_SIZE, EMPTY)
  add(bench.integration, 0, 200)
  const { root } = await bench.integration.settle()
  const again = bench.open()
  await again.resume(200 as TreeSize, root)
  add(again, 200, 300)
  await again.settle()
  await again.collect(300 as TreeSize)
  assert.equal(await bench.disk.stat(`${LOG}/tile/entries/000.p`), undefined)
})

test('a full disk in the middle of it leaves nothing that a second try does not mend', async () => {
  const { disk, integration } = new Bench()
  await integration.resume(NO_SIZE, EMPTY)
  add(integration, 0, 600)
  for (const nth of [1, 3]) {
    disk.inject({ operation: 'write', nth, code: 'DISK_FULL', effect: 'part' })
    await assert.rejects(integration.settle(), DiskError)
  }
  add(integration, 600, 700)
  const { size } = await integration.settle()
  assert.equal(size, 700)
})

test('entries below the tree go to the packer alone, a gap ends the integration', async () => {
  const bench = new Bench()
  await bench.integration.resume(NO_SIZE, EMPTY)
  add(bench.integration, 0, 10)
  const { root } = await bench.integration.settle()
  bench.packer.entries.clear()
  const again = bench.open()
  await again.resume(10 as TreeSize, root)
  add(again, 0, 10)
  assert.equal((await again.settle()).size, 10)
  assert.equal(bench.packer.entries.size, 10)
  add(again, 11, 12)
  await assert.rejects(again.settle(), hasCode('LEDGER_INTEGRATION', /entry 11 follows/))
})

async function behindPort(t: TestContext) {
  const { disk, packer, integration } = new Bench()
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  serveIntegration(port2, integration)
  const remote = new RemoteIntegration(port1)
  const spent: Uint8Array[] = []
  remote.onSpent((memory) => spent.push(...memory))
  await remote.resume(NO_SIZE, EMPTY)
  const batch = new Batch()
  batch.add({ leaf: text('entry-0'), payload: text('x') }, new OpenIntents(), NOBODY)
  return { disk, packer, remote, spent, batch }
}

test('memory that both ends share is not given away, and comes back as the same', async (t) => {
  const { packer, remote, spent, batch } = await behindPort(t)
  const memory = new Uint8Array(new SharedArrayBuffer(1024))
  memory.set(batch.plain())
  remote.add({ first: 0 as LeafIndex, count: 1, plain: memory.subarray(0, batch.byteLength) })
  packer.keptFrom = 1
  const { root } = await remote.settle()
  assert.equal(Buffer.from(root).toString('hex'), ROOTS[1])
  const [back] = spent
  assert.ok(back !== undefined && back.buffer instanceof SharedArrayBuffer && spent.length === 1)
  memory[1023] = 7
  assert.deepEqual([back.length, back[1023]], [1024, 7])
  await remote.close()
})

test('behind a port errors keep their codes, and batches lend their memory', async (t) => {
  const { disk, packer, remote, spent, batch } = await behindPort(t)
  const plain = batch.plain()
  remote.add({ first: 0 as LeafIndex, count: 1, plain })
  const { size, root, reports } = await remote.settle()
  assert.deepEqual([size, Buffer.from(root).toString('hex'), reports], [1, ROOTS[1], []])
  assert.equal(plain.buffer.detached, true)
  assert.deepEqual(spent, [])
  packer.keptFrom = 1
  const [report] = await remote.closeSegment({ first: 0, end: 1 } as unknown as Span)
  assert.equal(report?.kind, 'persons')
  assert.deepEqual(
    spent.map(({ length }) => length),
    [65_536],
  )
  add(remote, 1, 3)
  disk.inject({ operation: 'write', nth: 1, code: 'DISK_FULL' })
  await assert.rejects(remote.settle(), { name: 'DiskError', code: 'DISK_FULL' })
  packer.fails = new Error('no')
  await assert.rejects(
    remote.closeSegment({ first: 0, end: 1 } as unknown as Span),
    hasCode('LEDGER_INTEGRATION', /no/),
  )
  await remote.collect(1 as TreeSize)
  remote.fail(new Error('worker exploded'))
  await assert.rejects(remote.settle(), hasCode('LEDGER_INTEGRATION', /worker exploded/))
  await remote.close()
})

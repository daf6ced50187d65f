import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedClock, SimulatedDisk, settled, writeFileDurably } from '../index.ts'

const SEEDS = 300
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (of: Uint8Array): string => new TextDecoder().decode(of)
const filled = (value: number, count: number): Uint8Array => new Uint8Array(count).fill(value)

/** What is left of a fresh disk after `act` and a power cut, over many seeds, each outcome once. */
async function outcomes(
  act: (disk: SimulatedDisk) => Promise<unknown>,
  look: (disk: SimulatedDisk) => Promise<string>,
  keeps?: number,
): Promise<Set<string>> {
  const seen = new Set<string>()
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = new SeededRandom(seed)
    const disk = new SimulatedDisk({ random })
    await act(disk)
    const left = disk.crash({ power: 'lost', random, ...(keeps === undefined ? {} : { keeps }) })
    seen.add(await look(left))
  }
  return seen
}

async function textOf(disk: SimulatedDisk, path: string): Promise<string> {
  return (await disk.stat(path)) === undefined ? 'missing' : text(await disk.read(path))
}

async function create(disk: SimulatedDisk, content: Uint8Array, durable = false) {
  const file = await disk.open('/f', { for: 'write', create: 'new', durable })
  await file.write(0, content)
  return file
}

test('a name that was not synced may be lost even when the content was flushed', async () => {
  const act = async (disk: SimulatedDisk) => (await create(disk, bytes('abc'))).sync()
  const seen = await outcomes(act, (disk) => textOf(disk, '/f'))
  assert.deepEqual(seen, new Set(['missing', 'abc']))
})

test('content that was not flushed may be lost, even behind a synced name', async () => {
  const act = async (disk: SimulatedDisk) => {
    await create(disk, bytes('abc'))
    await disk.syncDirectory('/')
  }
  const seen = await outcomes(act, (disk) => textOf(disk, '/f'))
  assert.ok(seen.has('') && seen.has('abc') && seen.has('\0\0\0'), [...seen].join())
})

for (const durable of [true, false]) {
  test(`${durable ? 'a durable write' : 'a flush'} and a directory sync survive`, async () => {
    const act = async (disk: SimulatedDisk) => {
      const file = await create(disk, bytes('abc'), durable)
      if (!durable) await file.sync()
      await disk.syncDirectory('/')
    }
    assert.deepEqual(await outcomes(act, (disk) => textOf(disk, '/f')), new Set(['abc']))
  })
}

test('a durable replacement is the old file or the new one, never a mixture', async () => {
  const act = async (disk: SimulatedDisk) => {
    await writeFileDurably(disk, '/f', bytes('old'), { syncDirectory: true })
    await writeFileDurably(disk, '/f', bytes('new'))
  }
  const seen = await outcomes(act, (disk) => textOf(disk, '/f'))
  assert.deepEqual(seen, new Set(['old', 'new']))
})

test('dirty pages survive in any order, torn at sectors and nowhere else', async () => {
  const act = async (disk: SimulatedDisk) => {
    const durable = await create(disk, filled(1, 3 * 4096), true)
    await disk.syncDirectory('/')
    const file = await disk.open('/f', { for: 'write', create: 'never' })
    await file.write(0, filled(2, 4096))
    await file.write(8192, filled(2, 4096))
    // The second page is overwritten in place with a flush: it must never be lost with the others.
    await durable.write(4096, filled(3, 4096))
  }
  const pages = await outcomes(act, async (disk) => {
    const content = await disk.read('/f')
    const sectors = Array.from({ length: 24 }, (_, at) =>
      content.subarray(at * 512, at * 512 + 512),
    )
    for (const sector of sectors) assert.equal(new Set(sector).size, 1)
    return sectors.map((sector) => sector[0]).join('')
  })
  for (const outcome of pages) assert.equal(outcome.slice(8, 16), '33333333')
  assert.ok(pages.has('111111113333333311111111'), 'nothing kept')
  assert.ok(pages.has('222222223333333322222222'), 'all kept')
  assert.ok(pages.has('111111113333333322222222'), 'the later write alone')
  assert.ok(
    [...pages].some((outcome) => /^1*2+1+/.test(outcome)),
    'torn',
  )
})

test('after a failed flush the new content reads back, and a power cut takes it', async () => {
  let failed = 0
  const act = async (disk: SimulatedDisk) => {
    await create(disk, filled(1, 8192), true)
    await disk.syncDirectory('/')
    const plain = await disk.open('/f', { for: 'write', create: 'never' })
    await plain.write(0, filled(2, 8192))
    disk.inject({ operation: 'sync', nth: 1 })
    await plain.sync().catch(() => failed++)
    assert.deepEqual(await disk.read('/f'), filled(2, 8192))
    await plain.sync() // reports success, and writes nothing: the pages are clean
  }
  const keepsAllDirty = 1
  const seen = await outcomes(act, async (disk) => String(await disk.read('/f')), keepsAllDirty)
  assert.equal(failed, SEEDS)
  assert.ok(seen.has(String(filled(1, 8192))), 'a failed flush may have written nothing')
  assert.ok(seen.has(String(filled(2, 8192))), 'a failed flush may have written all')
})

test('after a failed flush a cache short of memory gives the old content back', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(3) })
  const file = await create(disk, filled(1, 8192), true)
  const plain = await disk.open('/f', { for: 'write', create: 'never' })
  await plain.write(0, filled(2, 8192))
  disk.inject({ operation: 'sync', nth: 1 })
  await assert.rejects(plain.sync())
  disk.evict()
  assert.notDeepEqual(await file.read(0, 8192), filled(2, 8192))
})

test('a failed directory sync may have kept names or not; the next one keeps them', async () => {
  const act = (times: number) => async (disk: SimulatedDisk) => {
    await (await create(disk, bytes('abc'))).sync()
    disk.inject({ operation: 'sync-directory', nth: 1 })
    for (let time = 0; time < times; time++) await disk.syncDirectory('/').catch(() => undefined)
  }
  const look = (disk: SimulatedDisk) => textOf(disk, '/f')
  assert.deepEqual(await outcomes(act(1), look), new Set(['missing', 'abc']))
  assert.deepEqual(await outcomes(act(2), look), new Set(['abc']))
})

test('a kill without a power cut keeps what was written, and closes every file', async () => {
  const random = new SeededRandom(1)
  const disk = new SimulatedDisk({ random })
  await create(disk, bytes('abc'))
  const left = disk.crash({ power: 'kept', random })
  assert.equal(await textOf(left, '/f'), 'abc')
  assert.deepEqual(left.openFiles, [])
  const later = left.crash({ power: 'lost', random, keeps: 0 })
  assert.equal(await textOf(later, '/f'), 'missing')
})

test('a disk that went down never answers again', async () => {
  const random = new SeededRandom(1)
  const clock = new SimulatedClock()
  const disk = new SimulatedDisk({ random, latency: { clock, longestMs: 5 } })
  let answers = 0
  const opening = disk.open('/f', { for: 'write', create: 'new' })
  void opening.finally(() => answers++)
  disk.crash({ power: 'lost', random })
  void disk.read('/f').finally(() => answers++)
  await clock.advance(100)
  await settled()
  assert.equal(answers, 0)
})

test('a full disk takes what fits, refuses the rest, and goes on when space returns', async () => {
  const disk = new SimulatedDisk({ capacityBytes: 3 * 4096 })
  const file = await create(disk, filled(1, 2 * 4096))
  await assert.rejects(file.write(8192, filled(2, 8192)), { code: 'DISK_FULL' })
  assert.equal(await file.size(), 3 * 4096)
  await file.write(0, filled(3, 3 * 4096)) // in place: needs no space
  await assert.rejects(disk.open('/g', { for: 'write', create: 'new' }), { code: 'DISK_FULL' })
  disk.setCapacity(5 * 4096)
  await file.write(3 * 4096, filled(4, 8192))
  await file.close()
  await disk.remove('/f')
  assert.equal(disk.usedBytes, 0)
  assert.equal(disk.hits.get('disk full'), 2)
})

test('misuse is written down: overlapping writes, changed bytes, close under way', async () => {
  const random = new SeededRandom(1)
  const clock = new SimulatedClock()
  const disk = new SimulatedDisk({ random, latency: { clock, longestMs: 5 } })
  const opening = disk.open('/f', { for: 'write', create: 'new' })
  await clock.advance(5)
  const file = await opening
  const given = bytes('abc')
  const writes = [file.write(0, given), file.write(2, bytes('x')), file.close()]
  given[0] = 0
  await clock.advance(20)
  await Promise.all(writes)
  assert.deepEqual(disk.misuses, [
    '/f: overlapping writes',
    '/f: closed while an operation runs',
    '/f: bytes changed while written',
  ])
})

test('the same seed gives the same disk, operation by operation', async () => {
  const trace = async (seed: number): Promise<string> => {
    const random = new SeededRandom(seed)
    const clock = new SimulatedClock()
    const disk = new SimulatedDisk({ random, latency: { clock, longestMs: 5 } })
    const order: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const writing = writeFileDurably(disk, `/${name}`, filled(1, 9000), { syncDirectory: true })
      void writing.then(() => order.push(`${name}@${clock.ticksMs()}`))
    }
    await clock.advance(12)
    const left = disk.crash({ power: 'lost', random })
    for (const { name } of await left.list('/')) {
      order.push(`${name}:${(await left.read(`/${name}`)).reduce((sum, byte) => sum + byte, 0)}`)
    }
    return order.join()
  }
  const traces = await Promise.all([trace(1), trace(1), trace(2)])
  assert.equal(traces[0], traces[1])
  assert.notEqual(traces[0], traces[2])
})

test('a move between directories is whole, whichever of them was flushed', async () => {
  for (const flushed of ['/from', '/to']) {
    const act = async (disk: SimulatedDisk) => {
      await disk.makeDirectory('/from')
      await disk.makeDirectory('/to')
      const options = { syncDirectory: true }
      await writeFileDurably(disk, '/from/f', bytes('abc'), options)
      await disk.rename('/from/f', '/to/f')
      await disk.syncDirectory(flushed)
    }
    const look = async (disk: SimulatedDisk) =>
      `${await textOf(disk, '/from/f')}, ${await textOf(disk, '/to/f')}`
    assert.deepEqual(await outcomes(act, look, 0), new Set(['missing, abc']))
  }
})

test('a move that was not flushed leaves the file in one of two places', async () => {
  const act = async (disk: SimulatedDisk) => {
    await disk.makeDirectory('/from')
    await disk.makeDirectory('/to')
    await writeFileDurably(disk, '/from/f', bytes('abc'), { syncDirectory: true })
    await disk.rename('/from/f', '/to/f')
  }
  const look = async (disk: SimulatedDisk) =>
    `${await textOf(disk, '/from/f')}, ${await textOf(disk, '/to/f')}`
  assert.deepEqual(await outcomes(act, look, 0.5), new Set(['missing, abc', 'abc, missing']))
})

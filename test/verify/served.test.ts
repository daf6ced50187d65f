import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { treeSize } from '@countersign/tlog'
import { SeededRandom, SimulatedDisk } from '../../packages/gateway/src/platform/index.ts'
import {
  Memory,
  type Report,
  type UrlOptions,
  verifyUrl,
} from '../../packages/gateway/src/verify/index.ts'
import { LogKeys, makeLog, someEntries } from '../tamper/made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)
const files = makeLog(keys, someEntries(300), [256, 300])

/** Serves on a free port for as long as `use` runs. */
async function served(listener: RequestListener, use: (url: string) => Promise<void>) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/log`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function serve(of: ReadonlyMap<string, Uint8Array>): RequestListener {
  return ({ url = '' }, response) => {
    const bytes = of.get(url.replace('/log/', ''))
    response.statusCode = bytes === undefined ? 404 : 200
    response.end(bytes)
  }
}

const audit = (url: string): Promise<Report> => verifyUrl({ url, fetch, keys: keys.vkeys })

test('a served log holds', () =>
  served(serve(files), async (url) => {
    const report = await audit(url)
    assert.deepEqual(report.bad, [])
    assert.equal(report.size, 300)
    assert.deepEqual(report.scope, { log: true, records: false, persons: false })
  }))

test('without a key the one that is served is used, and the report says so', () =>
  served(serve(files), async (url) => {
    const report = await verifyUrl({ url: `${url}/`, fetch })
    assert.equal(report.anchor, 'key taken from this server: self-consistency only')
    assert.equal(report.exit, 0)
  }))

test('an entry that was changed is named', () => {
  const bytes = files.get('tile/entries/000')?.slice() ?? new Uint8Array(0)
  bytes[bytes.length - 1] = 0
  return served(serve(new Map(files).set('tile/entries/000', bytes)), async (url) => {
    const report = await audit(url)
    assert.equal(report.exit, 1)
    assert.equal(report.bad[0]?.index, 255)
  })
})

for (const [name, listener] of [
  ['sends elsewhere', (_, response) => response.writeHead(302, { location: '/' }).end()],
  ['fails', (_, response) => response.writeHead(500).end()],
  ['hangs up', (_, response) => response.destroy()],
] as readonly (readonly [string, RequestListener])[]) {
  test(`a server that ${name} decides nothing: 2`, () =>
    served(listener, async (url) => assert.equal((await audit(url)).exit, 2)))
}

test('a body without end is cut, and is a fault', () => {
  const endless: RequestListener = ({ url = '' }, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(65_536, 97)));
    }
    if (url.endsWith('/vkeys')) response.end(files.get('vkeys'))
    else {
      response.on('drain', more)
      more()
    }
  }
  return served(endless, async (url) => {
    const report = await audit(url)
    assert.equal(report.exit, 1)
    assert.equal(report.bad[0]?.file, 'checkpoint')
  })
})

test('a body that grows when it is unpacked is cut as well', () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  const packed: RequestListener = ({ url = '' }, response) => {
    if (url.endsWith('/vkeys')) response.end(files.get('vkeys'))
    else response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
  }
  return served(packed, async (url) => {
    const report = await audit(url)
    assert.equal(report.exit, 1)
    assert.equal(report.bad[0]?.file, 'checkpoint')
  })
})

/** A log as somebody in between would make it up, under keys of their own, and asks for it. */
async function madeUp(listed: readonly string[], options: Partial<UrlOptions>) {
  const note = forger.checkpoint(treeSize(2 ** 47), new Uint8Array(32))
  const vkeys = `${listed.join('\n')}\n`
  const asked: string[] = []
  let report: Report | undefined
  const endless: RequestListener = ({ url = '' }, response) => {
    asked.push(url.replace('/log/', ''))
    const tile = Buffer.alloc(url.includes('entries') ? 256 * 2 : 256 * 32)
    response.end(url.endsWith('vkeys') ? vkeys : url.endsWith('checkpoint') ? note : tile)
  }
  await served(endless, async (url) => {
    report = await verifyUrl({ url, fetch, ...options })
  })
  return { report, asked }
}

const forger = new LogKeys(keys.origin, 77)
const trust = { keys: keys.vkeys }
const policy = `log ${keys.vkeys[0]}\nquorum none\n`

for (const [name, listed, options] of [
  ['the true keys listed', keys.vkeys, trust],
  ['the true keys listed, and none given', keys.vkeys, {}],
  ['keys listed that did sign', forger.vkeys, trust],
  ['such keys, and a policy', forger.vkeys, { policy }],
  ['keys listed that are not those of last time', forger.vkeys, { memory: await knowing() }],
] as const) {
  test(`a checkpoint that nobody trusted has signed ends it, with ${name}`, async () => {
    const { report, asked } = await madeUp(listed, options)
    assert.equal(report?.exit, 1)
    assert.match(report.bad[0]?.kind ?? '', /^(?:signature|fork)$/)
    assert.deepEqual(report.scope, { log: false, records: false, persons: false })
    assert.deepEqual(asked, ['vkeys', 'checkpoint'])
  })
}

/** A memory in which the true log is. */
async function knowing(): Promise<Memory> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  const memory = new Memory(disk, '/memory', new SeededRandom(2))
  await served(serve(files), async (url) => {
    assert.equal((await verifyUrl({ url, fetch, memory })).exit, 0)
  })
  return memory
}

test('one of two keys that has not signed is told, and the log is looked at', () => {
  const [classic = '', lattice = ''] = [keys.vkeys[0], forger.vkeys[1]]
  return served(serve(files), async (url) => {
    const report = await verifyUrl({ url, fetch, keys: [classic, lattice] })
    assert.equal(report.exit, 1)
    assert.equal(report.scope.log, true)
  })
})

test('a log of more entries than anybody could serve', () => {
  const note = keys.checkpoint(treeSize(Number.MAX_SAFE_INTEGER), new Uint8Array(32))
  const claimed = new Map(files).set('checkpoint', new TextEncoder().encode(note))
  return served(serve(claimed), async (url) => assert.equal((await audit(url)).exit, 1))
})

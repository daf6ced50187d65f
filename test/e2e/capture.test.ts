// Bodies that routes keep: what is opened again is what went on, without what was to be taken out;
// and whoever touches a file of them is found out.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import {
  type Json,
  parseDisclosure,
  verifyDisclosure,
  type What,
} from '../../packages/evidence/src/index.ts'
import { nodeSha256 } from '../../packages/gateway/src/platform/index.ts'
import {
  bodyFiles,
  bodyOf,
  type CaptureGateway,
  captureGateway,
  records,
  type ToldRecord,
  verified,
} from '../capture-gateway.ts'
import type { GatewayLife } from '../faults/scratch-gateway.ts'
import { run } from '../run-cli.ts'

const PAN = '4111111111111111'
const DIGITS = "patterns: [{ name: card, pattern: '[0-9]{13,19}' }]"
const CHUNK = 'x'.repeat(50_000)

const JSON_TYPE = { 'content-type': 'application/json' }
const DOCUMENT = `{ "pin": 1234, "n": 1.0, "cards":[{"number":"${PAN}","of":"A"}], "no":"${PAN}" }`
const CLEAN =
  '{ "pin": "[redacted]", "n": 1.0, "cards":[{"number":"[redacted]","of":"A"}], "no":"[redacted]" }'

/** More than is redacted on the thread that serves. */
const LONG = `[${Array(300).fill(DOCUMENT).join(', ')}]`
const LONG_CLEAN = `[${Array(300).fill(CLEAN).join(', ')}]`

for (const workers of [1, 2]) describe(`workers: ${workers}`, () => captures(workers))

function captures(workers: number): void {
  let gateway: CaptureGateway
  let told: readonly ToldRecord[]
  let life: GatewayLife

  before(async () => {
    gateway = await captureGateway(
      {
        all: `redact: { paths: ['$..pin', '$.cards[*].number'], ${DIGITS} }`,
        text: `redact: { ${DIGITS} }`,
        raw: "types: ['*/*'], bodyBytesMax: 150000, redact: { credentials: false }",
        refused: 'on: refusal',
        some: 'samplePerMillion: 0',
      },
      { workers },
    )
    life = await gateway.start()
  })
  after(() => gateway.close())

  interface Sent {
    readonly status: number
    readonly body: Buffer
  }

  async function send(
    path: string,
    body: string | Uint8Array<ArrayBuffer> | ReadableStream,
    headers: Record<string, string> = {},
  ): Promise<Sent> {
    const response = await fetch(`${life.url}/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.token}`, 'x-sent': path, ...headers },
      body,
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    })
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }

  /** The exchange of a path: its first record and its last. */
  function exchangeOf(path: string): { readonly first: ToldRecord; readonly last: ToldRecord } {
    const at = told.findIndex(({ what }) => what.path === `/${path}`)
    const [first, next] = [told[at], told[at + 1]]
    assert.ok(first !== undefined, path)
    return { first, last: first.kind === 'refusal' || next === undefined ? first : next }
  }

  test('exchanges go through a gateway that captures', { timeout: 60_000 }, async () => {
    assert.equal((await send('all/whole', DOCUMENT, JSON_TYPE)).body.toString(), DOCUMENT)
    assert.equal((await send('all/long', LONG, JSON_TYPE)).body.toString(), LONG)
    const zipped = new Uint8Array(gzipSync(DOCUMENT))
    assert.equal(
      (await send('all/gzip', zipped, { ...JSON_TYPE, 'content-encoding': 'gzip' })).status,
      200,
    )
    const packed = new Uint8Array(zstdCompressSync(DOCUMENT))
    const zstd = await send('all/zstd', packed, { ...JSON_TYPE, 'content-encoding': 'zstd' })
    assert.equal(zstd.status, 200)
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(1 << 20, '[')))
    await send('all/bomb', bomb, { ...JSON_TYPE, 'content-encoding': 'gzip' })
    await send('all/broken', '{"pin": 12', JSON_TYPE)
    await send('all/type', `card ${PAN}`, { 'content-type': 'text/plain' })
    await send('text/plain', `card ${PAN}, thanks`, { 'content-type': 'text/plain' })
    await send('text/large', CHUNK.repeat(2), { 'content-type': 'text/plain' })
    const chunks = ReadableStream.from(
      [CHUNK, CHUNK, CHUNK, CHUNK].map((each) => Buffer.from(each)),
    )
    assert.equal((await send('raw/stream', chunks)).body.length, 4 * CHUNK.length)
    await send('raw/short', 'short')
    await send('some/none', '{}', JSON_TYPE)
    await send('refused/not', '{"a":1}', JSON_TYPE)
    await send('plain/none', '{}', JSON_TYPE)
    const nobody = await send('refused/nobody', '{"a":1,"token":"t"}', {
      ...JSON_TYPE,
      authorization: '',
    })
    assert.equal(nobody.status, 401)
    assert.equal(await life.stop('SIGTERM'), 0)
    told = await records(gateway.data)
  })

  for (const [path, request, response] of [
    ['all/whole', CLEAN, CLEAN],
    ['all/long', LONG_CLEAN, LONG_CLEAN],
    ['all/gzip', CLEAN, CLEAN],
    ['all/zstd', CLEAN, CLEAN],
    ['text/plain', 'card [redacted], thanks', 'card [redacted], thanks'],
    ['raw/short', 'short', 'short'],
  ] as const) {
    test(`${path}: what is opened again is what went through, as far as it may`, async () => {
      const { first, last } = exchangeOf(path)
      assert.equal(first.kind, 'intent')
      assert.equal(await bodyOf(gateway, first.index, 'request'), request)
      assert.equal(await bodyOf(gateway, last.index, 'response'), response)
      assert.equal(first.what.body?.captured?.contentBytes, Buffer.byteLength(request))
    })
  }

  test('a record tells which rules took out how much', () => {
    const { body } = exchangeOf('all/whole').first.what
    assert.deepEqual(body?.captured?.redactions, [
      { rule: '$..pin', count: 1 },
      { rule: '$.cards[*].number', count: 1 },
      { rule: 'card', count: 1 },
    ])
    assert.equal(exchangeOf('all/gzip').first.what.body?.captured?.decoded, 'gzip')
  })

  for (const [path, why] of [
    ['all/bomb', 'too-large'],
    ['all/broken', 'malformed'],
    ['all/type', 'type'],
    ['text/large', 'too-large'],
  ] as const) {
    test(`${path} is not kept, and the record says why: ${why}`, () => {
      const { first, last } = exchangeOf(path)
      const request = first.what.body?.uncaptured ?? last.how.request?.uncaptured
      assert.deepEqual([request, last.how.response?.uncaptured], [why, why])
    })
  }

  test('a stream is sealed as it comes, told by the outcome, and cut if too long', async () => {
    const { first, last } = exchangeOf('raw/stream')
    assert.equal(first.what.body?.captured, undefined)
    for (const direction of ['request', 'response'] as const) {
      const { bytes, captured } = last.how[direction] ?? {}
      assert.deepEqual(
        [bytes, captured?.contentBytes, captured?.truncated],
        [200_000, 150_000, true],
      )
      assert.equal(await bodyOf(gateway, last.index, direction), 'x'.repeat(150_000))
    }
    const both = await run(['body', `${last.index}`, '--out', '/nowhere/x', '--data', gateway.data])
    assert.equal(both.exit, 2)
  })

  test('a request that is refused is kept under the key of where it came from', async () => {
    const { first } = exchangeOf('refused/nobody')
    assert.equal(first.kind, 'refusal')
    assert.equal(await bodyOf(gateway, first.index, 'request'), '{"a":1,"token":"[redacted]"}')
  })

  for (const path of ['refused/not', 'plain/none', 'some/none']) {
    test(`${path}: nothing is kept`, () => {
      const { first, last } = exchangeOf(path)
      for (const body of [first.what.body, last.how.request, last.how.response]) {
        assert.equal(body?.captured ?? body?.uncaptured, undefined)
      }
    })
  }

  test('what chance said is on record', () => {
    const { sample } = exchangeOf('some/none').first.what
    assert.equal(sample?.perMillion, 0)
    assert.ok(sample.drawn >= 0 && sample.drawn < 1_000_000)
  })

  test('somebody else can check a body with its disclosure', async () => {
    const { index } = exchangeOf('all/whole').first
    const [out, disclosure] = [
      join(gateway.directory, 'shown'),
      join(gateway.directory, 'shown.json'),
    ]
    const args = ['--out', out, '--disclosure', disclosure, '--data', gateway.data]
    assert.equal((await run(['body', `${index}`, ...args])).exit, 0)
    const proved = await run(['prove', `${index}`, '--data', gateway.data, '--json'])
    const { leaf } = JSON.parse(proved.out) as { leaf: string }
    const shown = JSON.parse(await readFile(disclosure, 'utf8')) as {
      salt: string
      disclosure: Json
    }
    const sections = verifyDisclosure(
      nodeSha256,
      parseDisclosure(shown.disclosure),
      Buffer.from(leaf, 'hex'),
    )
    const what = JSON.parse(Buffer.from(sections.get(5) ?? []).toString()) as What
    assert.deepEqual([...sections.keys()], [1, 5])
    const digest = createHash('sha256')
      .update('countersign/body/v1\0')
      .update(Buffer.from(shown.salt, 'hex'))
      .update(await readFile(out))
      .digest('hex')
    assert.equal(digest, what.body?.captured?.contentSha256)
  })

  test('nothing of a body is on the disk in clear', async () => {
    for (const file of await bodyFiles(gateway.data)) {
      const text = (await readFile(file)).toString('latin1')
      assert.equal(text.includes('redacted') || text.includes(PAN) || text.includes('xxxx'), false)
    }
  })

  test('an honest ledger with bodies verifies, and every body is named', async () => {
    const { exit, bad, notChecked } = await verified(gateway.data)
    assert.deepEqual([exit, bad, notChecked], [0, [], []])
    assert.equal(
      (await bodyFiles(gateway.data)).some((file) => file.includes('incoming')),
      false,
    )
  })

  /** Does something to a body file, verifies, and undoes it. */
  async function tampered(
    act: (file: string, other: string) => Promise<void>,
  ): Promise<Awaited<ReturnType<typeof verified>> & { readonly names: readonly string[] }> {
    const [file = '', other = ''] = (await bodyFiles(gateway.data)).slice(1)
    const saved = [file, other].map(
      (each) => [each, join(gateway.directory, basename(each))] as const,
    )
    for (const [path, copy] of saved) await copyFile(path, copy)
    try {
      await act(file, other)
      const names = [file, other].map((each) => `bodies/${each.split('/bodies/')[1]}`)
      return { ...(await verified(gateway.data)), names }
    } finally {
      for (const [path, copy] of saved) await copyFile(copy, path)
    }
  }

  async function flip(file: string, at: number): Promise<void> {
    const bytes = await readFile(file)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(file, bytes)
  }

  for (const [name, act] of [
    ['a flipped bit of its head', (file: string) => flip(file, 0)],
    ['a flipped bit of its key id', (file: string) => flip(file, 5)],
    ['a flipped bit of its content', (file: string) => flip(file, 60)],
    ['a cut end', (file: string) => truncate(file, 50)],
    ['an added byte', (file: string) => writeFile(file, 'x', { flag: 'a' })],
    ['its removal', (file: string) => rm(file)],
  ] as const) {
    test(`${name} is found, and the file is named`, async () => {
      const { exit, bad, names } = await tampered(act)
      assert.equal(exit, 1)
      assert.deepEqual(
        bad.map(({ kind, file }) => [kind, file]),
        [['body', names[0]]],
      )
    })
  }

  test('two that are swapped are found, both', async () => {
    const { exit, bad, names } = await tampered(async (file, other) => {
      const spare = `${gateway.directory}/spare`
      await rename(file, spare)
      await rename(other, file)
      await rename(spare, other)
    })
    assert.equal(exit, 1)
    assert.deepEqual(new Set(bad.map(({ file }) => file)), new Set(names))
  })

  test('what is no body among the bodies is found', async () => {
    const stranger = join(gateway.data, 'bodies', 'stranger')
    await writeFile(stranger, 'x')
    const { exit, bad } = await verified(gateway.data)
    await rm(stranger)
    assert.deepEqual([exit, bad[0]?.file], [1, 'bodies/stranger'])
  })

  test('a body that was tampered with is not opened', async () => {
    const { index } = exchangeOf('all/whole').first
    const out = join(gateway.directory, 'never')
    const sha256 = exchangeOf('all/whole').first.what.body?.captured?.sha256 ?? ''
    const file = join(gateway.data, 'bodies', sha256.slice(0, 2), sha256)
    await flip(file, 70)
    const opened = await run(['body', `${index}`, '--out', out, '--data', gateway.data])
    await flip(file, 70)
    assert.equal(opened.exit, 1)
    await assert.rejects(readFile(out))
    await assert.rejects(readFile(`${out}.tmp`))
  })
}

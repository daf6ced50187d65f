import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formatReceipt } from '@countersign/evidence'
import { decodeBundle } from '@countersign/tlog'
import { run } from '../run-cli.ts'
import { DATA, MadeLedger, someTraffic } from '../tamper/made-ledger.ts'
import { LogKeys } from '../tamper/made-log.ts'

const directory = await mkdtemp(join(tmpdir(), 'countersign-verify-'))
after(() => rm(directory, { recursive: true }))

const ledger = new MadeLedger(31)
const recorder = await ledger.start()
await someTraffic(recorder, 0)
await ledger.stop(recorder)
const files = await ledger.files()
const data = join(directory, 'data')
for (const [path, bytes] of files.files) {
  const place = join(data, path.slice(DATA.length + 1))
  await ledgerFile(place, bytes)
}

async function ledgerFile(place: string, bytes: Uint8Array): Promise<void> {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(place, '..'), { recursive: true })
  await writeFile(place, bytes)
}

const SIZE = 8
const INDEX = 3
const [vkey = '', lattice = ''] = (await readFile(join(data, '1/log/vkeys'), 'utf8')).split('\n')
const bundle = files.bytes(`${DATA}/1/log/tile/entries/000.p/${SIZE}`)
const leaf = Buffer.from(decodeBundle(bundle, SIZE)[INDEX] ?? []).toString('hex')
const receipt = {
  origin: vkey.split('+')[0] ?? '',
  epoch: 1,
  index: INDEX,
  leaf: Buffer.from(leaf, 'hex'),
  open: new Uint8Array(16),
}
const proof = join(directory, 'proof')
const stranger = new LogKeys(receipt.origin, 9).vkeys[0] ?? ''

test('prove writes a proof that verifies by key and leaf alone', async () => {
  const { exit, out } = await run(['prove', `${INDEX}`, '--data', data, '-o', proof])
  assert.equal(exit, 0)
  assert.match(out, new RegExp(leaf))
  const verified = await run(['verify', '--proof', proof, '--key', vkey, '--leaf', leaf])
  assert.equal(verified.exit, 0, verified.out)
  assert.match(verified.out, /^ok: .*trust: key given/)
})

const altered = async (change: (text: string) => string): Promise<string> => {
  const path = join(directory, `altered-${Math.random()}`)
  await writeFile(path, change(await readFile(proof, 'utf8')))
  return path
}

const base64 = Buffer.from(leaf, 'hex').toString('base64')
const otherLeaf = `${leaf.slice(0, -1)}${leaf.endsWith('0') ? '1' : '0'}`
const header = formatReceipt(receipt)
const otherHeader = formatReceipt({ ...receipt, index: INDEX + 1 })
const same = async (): Promise<string> => proof

const CASES: readonly (readonly [string, () => Promise<string>, readonly string[], 0 | 1 | 2])[] = [
  ['leaf in base64', same, ['--key', vkey, '--leaf', base64], 0],
  ['both keys', same, ['--key', vkey, '--key', lattice, '--leaf', leaf], 0],
  ['the receipt', same, ['--key', vkey, '--receipt', header], 0],
  ['a receipt of another entry', same, ['--key', vkey, '--receipt', otherHeader], 1],
  ['another leaf', same, ['--key', vkey, '--leaf', otherLeaf], 1],
  ['another key of the same name', same, ['--key', stranger, '--leaf', leaf], 1],
  ['no key', same, ['--leaf', leaf], 2],
  ['no leaf', same, ['--key', vkey], 2],
  ['not a key', same, ['--key', 'x', '--leaf', leaf], 2],
  ['not a leaf', same, ['--key', vkey, '--leaf', '?'], 2],
  ['not a receipt', same, ['--key', vkey, '--receipt', 'x'], 2],
  ['no file', async () => `${proof}-none`, ['--key', vkey, '--leaf', leaf], 2],
  [
    'another index',
    () => altered((it) => it.replace('index 3', 'index 4')),
    ['--key', vkey, '--leaf', leaf],
    1,
  ],
  [
    'a size with a zero before it',
    () => altered((it) => it.replace('\n8\n', '\n08\n')),
    ['--key', vkey, '--leaf', leaf],
    1,
  ],
  [
    'a hash dropped',
    () => altered((it) => it.replace(/(index 3\n)[^\n]+\n/, '$1')),
    ['--key', vkey, '--leaf', leaf],
    1,
  ],
  ['a line after it', () => altered((it) => `${it}x\n`), ['--key', vkey, '--leaf', leaf], 1],
]

for (const [name, file, args, exit] of CASES) {
  test(`verify --proof, ${name}: ${exit}`, async () => {
    const ran = await run(['verify', '--proof', await file(), ...args])
    assert.equal(ran.exit, exit, ran.out + ran.err)
  })
}

for (const command of ['prove', 'show']) {
  test(`${command} of what is not there says so`, async () => {
    const { exit, err } = await run([command, '8', '--data', data])
    assert.equal(exit, 2)
    assert.match(err, /entry 8 does not exist: the log has 8 entries/)
  })

  test(`${command} of an entry that was changed fails`, async () => {
    const path = join(data, '1/log/tile/entries/000.p/8')
    const bytes = await readFile(path)
    const changed = Buffer.from(bytes)
    changed[INDEX * 35 + 9] = (changed[INDEX * 35 + 9] ?? 0) ^ 1
    await writeFile(path, changed)
    const { exit, err } = await run([command, `${INDEX}`, '--data', data])
    await writeFile(path, bytes)
    assert.equal(exit, 1)
    assert.match(err, /entry 3 is not the entry that checkpoint 8 covers/)
  })
}

test('show opens a record and holds it against the log', async () => {
  const { exit, out } = await run(['show', '2', '--data', data, '--json'])
  assert.equal(exit, 0)
  const record = JSON.parse(out)
  assert.equal(record.kind, 'intent')
  assert.equal(record.checkpoint, SIZE)
  const who = record.sections.find(({ section }: { section: string }) => section === 'who')
  assert.equal(who.value.principal.id, 'ada')
})

test('verify of the directory: scope, key, and a key that is not the log’s', async () => {
  const all = ['verify', data, '--no-memory', '--require', 'log,records,persons']
  const given = await run([...all, '--key', vkey])
  assert.equal(given.exit, 0, given.out + given.err)
  assert.match(given.out, /^ok: 8 entries, root [0-9a-f]{4}…, trust: key given\n/)
  const self = await run(all)
  assert.match(self.out, /trust: key taken from this directory: self-consistency only/)
  assert.equal((await run([...all, '--key', stranger])).exit, 1)
})

for (const [name, args] of [
  ['a directory that is not there', ['/nowhere/at/all']],
  ['an empty directory', [await mkdtemp(join(directory, 'empty-'))]],
  ['an epoch that is not there', [data, '--epoch', '7']],
  ['a scope that does not exist', [data, '--require', 'everything']],
  ['a file for a protocol', ['file:///etc/passwd']],
  ['an option of proofs', [data, '--leaf', leaf]],
] as const) {
  test(`verify of ${name} is not decidable: 2`, async () => {
    assert.equal((await run(['verify', ...args, '--no-memory'])).exit, 2)
  })
}

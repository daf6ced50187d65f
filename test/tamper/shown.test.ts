// What the command line shows of a ledger that somebody wrote to: nothing forged as if it held, and
// nothing that a terminal obeys.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../run-cli.ts'
import type { FileMap } from './file-map.ts'
import { forgePersons, forgeRecords } from './forger.ts'
import { DATA, MadeLedger, request, someTraffic } from './made-ledger.ts'

const RECORDS = `${DATA}/1/records/000.p/16`
const PERSONS = `${DATA}/1/persons/0000000000000000`
const AGENT = '\u001b]0;ok\u0007 \u009b2J \u202e \u2028'
/** Whatever moves a cursor, turns text round or cannot be seen. */
const OBEYED = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}]/u

const root = await mkdtemp(join(tmpdir(), 'countersign-shown-'))
after(() => rm(root, { recursive: true }))
const honest = await makeLedger()

async function makeLedger(): Promise<FileMap> {
  const ledger = new MadeLedger(1, { segmentEntriesMax: 8 })
  const recorder = await ledger.start()
  const ada = request('ada\u009b31m', 1)
  await recorder.intent({ ...ada, where: { ...ada.where, userAgent: AGENT } })
  for (const from of [0, 2, 4]) {
    await someTraffic(recorder, from)
    await ledger.publish()
  }
  return ledger.files()
}

async function onDisk(files: FileMap): Promise<string> {
  const place = await mkdtemp(join(root, 'ledger-'))
  for (const [path, bytes] of files.files) {
    await mkdir(dirname(join(place, path)), { recursive: true })
    await writeFile(join(place, path), bytes)
  }
  return join(place, DATA)
}

for (const more of [[], ['--json']]) {
  test(`what a caller sent is shown, and not obeyed ${more.join('')}`, async () => {
    const { exit, out } = await run(['show', '2', '--data', await onDisk(honest), ...more])
    assert.equal(exit, 0)
    assert.doesNotMatch(out, OBEYED)
    assert.match(out, /\\u009b2J \\u202e \\u2028/)
  })

  test(`the name of a file is shown, and not obeyed ${more.join('')}`, async () => {
    const name = `${DATA}/1/log/\u001b[2J\u009b1;1H\nok: 20 entries`
    const data = await onDisk(honest.with(name, new Uint8Array(0)))
    const { exit, out } = await run(['verify', data, '--no-memory', ...more])
    assert.equal(exit, 1)
    assert.doesNotMatch(out, OBEYED)
    assert.doesNotMatch(out, /^ok/m)
  })
}

const FORGED: readonly (readonly [string, Promise<FileMap>])[] = [
  [
    'an intent that is stored as a refusal',
    forgeRecords(honest, RECORDS, (it) => ({ ...it, kind: it.kind === 1 ? 3 : it.kind })),
  ],
  [
    'a person’s sections with other content',
    forgePersons(honest, PERSONS, (it) => ({ ...it, bytes: Buffer.from('{}') })),
  ],
  ['a file of persons that is gone', Promise.resolve(honest.without(PERSONS))],
]

for (const [name, files] of FORGED) {
  test(`not shown as if it held: ${name}`, async () => {
    const { exit, out, err } = await run(['show', '2', '--data', await onDisk(await files)])
    assert.equal(exit, 1, out)
    assert.match(err, /FAILED: record 2/)
  })
}

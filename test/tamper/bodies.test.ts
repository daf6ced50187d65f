// What somebody may do to captured bodies, and to the records that name them, in a ledger that is
// packed and one that is written ahead.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import {
  type CapturedBody,
  type Recorder,
  sealedFacts,
} from '../../packages/gateway/src/recorder/index.ts'
import { verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, DONE, MadeLedger, REFUSED, request, someTraffic } from './made-ledger.ts'

const BODIES = `${DATA}/bodies`

interface Told {
  readonly facts: object
  readonly body: CapturedBody
}

async function captured(recorder: Recorder, text: string, person: string): Promise<Told> {
  const { who, where } = request(person, 1)
  const writer = await recorder.bodies.begin(who, where)
  const content = Buffer.from(text)
  await writer.add(content)
  const body = await writer.finish()
  const sha256 = hash('sha256', content)
  return { body, facts: { bytes: content.length, sha256, captured: sealedFacts(body) } }
}

/** Bodies of one length: of a request, of a response in a section of the person's, of a refusal. */
async function makeLedger(segmentEntriesMax: number) {
  const ledger = new MadeLedger(31, { segmentEntriesMax, preallocateBytes: 16_384 })
  const recorder = await ledger.start()
  await someTraffic(recorder, 0)
  const [asked, answered, refused] = [
    await captured(recorder, '{"pin":1}', 'ada'),
    await captured(recorder, '{"pin":2}', 'ben'),
    await captured(recorder, '{"pin":3}', 'ada'),
  ]
  const ada = request('ada', 2)
  const intent = await recorder.intent({
    ...ada,
    what: { ...ada.what, body: asked.facts },
    bodies: [asked.body],
  })
  const ben = await recorder.intent({ ...request('ben', 3), personal: ['what', 'how'] })
  await recorder.outcome(ben, {
    how: { ...DONE.how, response: answered.facts as { bytes: number; sha256: string } },
    bodies: [answered.body],
  })
  await recorder.outcome(intent, DONE)
  const what = { ...ada.what, body: refused.facts }
  await recorder.refusal({ ...REFUSED, who: ada.who, what, bodies: [refused.body] })
  for (let from = 10; from < 40; from += 2) await someTraffic(recorder, from)
  await ledger.publish()
  await ledger.stop(recorder)
  assert.deepEqual(ledger.faults, [])
  const paths = [asked, answered, refused].map(({ body: { sha256 } }) => {
    return `${BODIES}/${sha256.slice(0, 2)}/${sha256}`
  })
  return { files: await ledger.files(), paths }
}

type Case = readonly [
  what: string,
  change: (files: FileMap, at: { readonly path: string; readonly other: string }) => FileMap,
  want: { readonly exit: 0 | 1; readonly why?: RegExp },
]

const CASES: readonly Case[] = [
  ['nothing', (files) => files, { exit: 0 }],
  ['a body is taken away', (files, { path }) => files.without(path), { exit: 1, why: /is gone/ }],
  [
    'two bodies of one length change places',
    (files, { path, other }) => files.with(path, files.bytes(other)).with(other, files.bytes(path)),
    { exit: 1, why: /is not the file that its name says/ },
  ],
  [
    'a body is put in place of another',
    (files, { path, other }) => files.with(path, files.bytes(other)),
    { exit: 1, why: /is not the file that its name says/ },
  ],
  [
    'a body is moved under the name of another, and its own is free',
    (files, { path, other }) => files.with(other, files.bytes(path)).without(path),
    { exit: 1, why: /is gone|is not the file/ },
  ],
  ['a bit', (files, { path }) => files.flip(path, 40, 1), { exit: 1, why: /is not the file/ }],
  [
    'its last byte is cut off',
    (files, { path }) => files.with(path, files.bytes(path).slice(0, -1)),
    { exit: 1, why: /bytes, not/ },
  ],
  [
    'it is emptied',
    (files, { path }) => files.with(path, new Uint8Array(0)),
    { exit: 1, why: /0 bytes, not/ },
  ],
  ['a link stands for it', (files, { path }) => files.withOther(path), { exit: 1, why: /neither/ }],
  [
    'it waits again, as a crash leaves it',
    (files, { path }) =>
      files
        .with(`${BODIES}/incoming/${'0'.repeat(15)}1-${path.slice(-64)}`, files.bytes(path))
        .without(path),
    { exit: 0 },
  ],
  [
    'it lies in a folder of other digits',
    (files, { path }) => {
      const folder = path.includes('/00/') ? '01' : '00'
      return files.with(`${BODIES}/${folder}/${path.slice(-64)}`, files.bytes(path)).without(path)
    },
    { exit: 1, why: /no ledger has/ },
  ],
  [
    'a file that no ledger has',
    (files) => files.with(`${BODIES}/notes.txt`, Buffer.from('x')),
    { exit: 1, why: /no ledger has/ },
  ],
  [
    'a body that no record names is said to be there',
    (files, { path }) => files.with(`${BODIES}/ab/ab${'0'.repeat(62)}`, files.bytes(path)),
    { exit: 0, why: /is named by no record/ },
  ],
]

for (const [where, segmentEntriesMax] of [
  ['packed', 8],
  ['written ahead', 65_536],
] as const) {
  const { files, paths } = await makeLedger(segmentEntriesMax)
  for (const [nth, path] of paths.entries()) {
    const other = paths[(nth + 1) % paths.length] ?? ''
    const of = ['a request', 'a response, under a person’s key', 'a refusal'][nth]
    for (const [what, change, { exit, why }] of CASES) {
      test(`${where}, ${of}: ${what}`, async () => {
        const disk = change(files, { path, other }).disk()
        const report = await verifyDirectory({ disk, directory: DATA })
        assert.equal(report.exit, exit, JSON.stringify([report.bad, report.notChecked]))
        const said = [...report.bad, ...report.notChecked].map((each) => `${each.file} ${each.why}`)
        if (why !== undefined)
          assert.ok(
            said.some((text) => why.test(text)),
            said.join('\n'),
          )
      })
    }
  }
  test(`${where}: all of the bodies are taken away`, async () => {
    const disk = files.without(...paths).disk()
    const report = await verifyDirectory({ disk, directory: DATA })
    const named = report.bad.map(({ file }) => `${DATA}/${file}`)
    assert.deepEqual([report.exit, named.sort()], [1, [...paths].sort()])
  })
}

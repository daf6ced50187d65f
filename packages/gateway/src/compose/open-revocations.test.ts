import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import { NO_REVOCATIONS } from '../identity/index.ts'
import { Machine } from '../recorder/testing.ts'
import { realMachine } from './machine.ts'
import { openRevocations } from './open-revocations.ts'

const REVOKED = 'version: 1\nrevoked: [{id: rv_abcdefgh, issuer: i, jti: a}]\n'
const RUN_OUT = REVOKED.replace('jti: a', "jti: a, until: '2020-01-01T00:00:00Z'")

type Options = Parameters<typeof openRevocations>

async function made(context: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-revocations-'))
  context.after(() => rm(directory, { recursive: true }))
  await mkdir(join(directory, 'state'))
  const file = join(directory, 'revoked.yaml')
  const recorder = await new Machine().start()
  const log = pino({ level: 'silent' })
  const config = { identity: { revocationsFile: file, issuers: [] }, data: directory }
  const open = () =>
    openRevocations(config as unknown as Options[0], realMachine(), { recorder, log })
  return { file, open }
}

test('where no file ever was, nothing is revoked', async (context) => {
  const { open } = await made(context)
  await (await open()).close()
})

for (const [name, before, left, want] of [
  ['gone', REVOKED, undefined, /is gone, and 1 revocations of it are in force: restore it/],
  ['empty', REVOKED, '', /is empty/],
  ['cut', REVOKED, REVOKED.slice(0, 30), /revocations file/],
] as const) {
  test(`a file that is ${name} at the start stops it: it brings nobody back`, async (context) => {
    const { file, open } = await made(context)
    await writeFile(file, before)
    await (await open()).close()
    if (left === undefined) await rm(file)
    else await writeFile(file, left)
    await assert.rejects(open(), want)
  })
}

for (const [name, before, left] of [
  ['says that nothing is revoked', REVOKED, NO_REVOCATIONS],
  ['is gone, and all that it said has run out', RUN_OUT, undefined],
] as const) {
  test(`a file that ${name} is as good as any`, async (context) => {
    const { file, open } = await made(context)
    await writeFile(file, before)
    await (await open()).close()
    if (left === undefined) await rm(file)
    else await writeFile(file, left)
    await (await open()).close()
  })
}

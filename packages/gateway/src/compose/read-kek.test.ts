import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk, SeededRandom } from '../platform/index.ts'
import { readKek } from './read-kek.ts'

test('a key that is mounted as a link is read; one that is not there is named', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'kek-'))
  t.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'real'), 'the key\n')
  symlinkSync('real', join(directory, 'link'))
  const read = (file: string): Promise<string> => {
    const machine = { disk: nodeDisk(), random: new SeededRandom(1), environment: {} }
    return readKek({ ...machine, place: { file: join(directory, file) }, mayCreate: false })
  }
  assert.equal(await read('link'), 'the key\n')
  await assert.rejects(read('none'), /^Error: vault\.kek: cannot read .*none/)
})

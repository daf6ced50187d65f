import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedDisk, writeFileDurably } from '../platform/index.ts'
import { KeyFile } from './key-file.ts'
import { KEY_ROW_BYTES } from './key-row.ts'

const DIRECTORY = '/data/keys'
const ROWS_MAX = 3

const cases = [
  { name: '2026-01.keys', rows: ROWS_MAX, opens: true },
  { name: '2026-01.keys', rows: ROWS_MAX + 1, opens: false },
  { name: 'standing.keys', rows: ROWS_MAX + 1, opens: false },
]
for (const { name, rows, opens } of cases) {
  const what = `${name} of ${rows} rows`
  test(`${what} is ${opens ? '' : 'not '}read where ${ROWS_MAX} are plausible`, async () => {
    const disk = new SimulatedDisk()
    await disk.makeDirectory(DIRECTORY)
    await writeFileDurably(disk, `${DIRECTORY}/${name}`, new Uint8Array(rows * KEY_ROW_BYTES))
    const file = new KeyFile(disk, DIRECTORY, name, ROWS_MAX)
    const place = { file: `${DIRECTORY}/${name}` }
    if (opens) assert.equal(await file.refresh(), true)
    else await assert.rejects(file.refresh(), { code: 'VAULT_KEY_DAMAGED', place })
  })
}

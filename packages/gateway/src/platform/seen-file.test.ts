import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openSeenFile } from './seen-file.ts'

test('a sweep that fails half way leaves what is added after it to everybody', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'seen-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'seen.db')
  const seen = openSeenFile(path, { entriesMax: 1 })
  const other = openSeenFile(path, { entriesMax: 10 })
  t.after(() => {
    seen.close()
    other.close()
  })
  assert.equal(seen.add('a', { nowUs: 0, untilUs: 10, mark: 5 }), 'new')
  const breaking = new DatabaseSync(path)
  breaking.exec("CREATE TRIGGER t BEFORE DELETE ON seen BEGIN SELECT RAISE(ABORT, 'no'); END")
  const later = { nowUs: 2_000_000, untilUs: 9_000_000, mark: 6 }
  assert.equal(seen.add('b', later), 'full')
  assert.equal(other.add('c', later), 'new', 'nobody waits for what was given up')
  breaking.exec('DROP TRIGGER t')
  breaking.close()
  const last = { nowUs: 4_000_000, untilUs: 9_000_000, mark: 7 }
  assert.equal(seen.add('c', last), 'seen')
  assert.equal(seen.forgottenMark, 5)
})

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
  const seen = openSeenFile(path, { entriesMax: 1, unknownMark: 0 })
  const other = openSeenFile(path, { entriesMax: 10, unknownMark: 0 })
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

test('that a file begins anew is known to every process that opens it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'seen-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'seen.db')
  const open = (unknownMark: number): ReturnType<typeof openSeenFile> => {
    const file = openSeenFile(path, { entriesMax: 10, unknownMark })
    t.after(() => file.close())
    return file
  }
  const entry = { nowUs: 1, untilUs: 100, mark: 1 }
  const [one, other] = [open(5), open(7)]
  assert.deepEqual([one.forgottenMark, other.forgottenMark], [5, 5])
  assert.equal(one.add('a', entry), 'new')
  assert.equal(other.add('a', entry), 'seen')
  // As after a power cut: whoever comes first begins, and nobody after it begins once more.
  const machine = new DatabaseSync(path)
  machine.exec("UPDATE life SET boot = 'before'")
  machine.close()
  const [later, last] = [open(11), open(13)]
  assert.deepEqual([later.forgottenMark, last.forgottenMark], [11, 11])
  assert.equal(later.add('a', entry), 'new')
  assert.equal(last.add('a', entry), 'seen')
})

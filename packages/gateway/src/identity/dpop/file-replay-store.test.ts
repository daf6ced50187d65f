import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openSeenFile } from '../../platform/index.ts'
import { FileReplayStore } from './file-replay-store.ts'

const START_US = 1_000_000_000e6
const NOW_US = START_US + 600e6
const times = { nowUs: NOW_US, issuedAtUs: NOW_US }

function open(path: string, { entriesMax = 1000, nowUs = NOW_US } = {}): FileReplayStore {
  const file = openSeenFile(path, { entriesMax, unknownMark: nowUs + 60e6 })
  return new FileReplayStore(file, { windowMs: 60_000, aheadMs: 60_000 })
}

const scratch = mkdtempSync(join(tmpdir(), 'replays-'))
after(() => rmSync(scratch, { recursive: true }))

function freshPath(): string {
  return join(mkdtempSync(join(scratch, 'one-')), 'replays.db')
}

test('a new file knows nothing of earlier lives; the next life knows this one', () => {
  const path = freshPath()
  const first = open(path, { nowUs: START_US })
  assert.equal(first.forgottenUntilUs, START_US + 60e6)
  assert.equal(first.add('a', times), 'new')
  assert.equal(first.add('a', times), 'seen')
  first.close()
  const second = open(path)
  assert.equal(second.forgottenUntilUs, START_US + 60e6, 'as the first one said')
  assert.equal(second.add('a', times), 'seen')
  second.close()
})

test('of four processes at once, one each is told that a proof is new', () => {
  const path = freshPath()
  open(path).close()
  const platform = join(import.meta.dirname, '../../platform/index.ts')
  const program = `
    import { openSeenFile } from ${JSON.stringify(platform)}
    const file = openSeenFile(${JSON.stringify(path)}, { entriesMax: 100000, unknownMark: 0 })
    let won = 0
    const entry = { nowUs: 1, untilUs: 1e9, mark: 1 }
    for (let n = 0; n < 500; n += 1) if (file.add('k' + n, entry) === 'new') won += 1
    console.log(won)`
  const script = [1, 2, 3, 4].map(() => '"$1" --input-type=module -e "$2" &').join('\n')
  const shell = ['-c', `${script}\nwait`, 'sh', process.execPath, program]
  const told = execFileSync('sh', shell, { encoding: 'utf8' }).trim().split('\n').map(Number)
  assert.deepEqual([told.length, told.reduce((sum, won) => sum + won, 0)], [4, 500])
})

test('what is too old is forgotten, and told; a full file lets nothing new in', () => {
  const store = open(freshPath(), { entriesMax: 2 })
  assert.equal(store.add('a', times), 'new')
  assert.equal(store.add('b', times), 'new')
  assert.equal(store.add('c', times), 'full')
  assert.equal(store.add('a', times), 'seen')
  const later = { nowUs: NOW_US + 121e6, issuedAtUs: NOW_US + 121e6 }
  assert.equal(store.add('c', later), 'new')
  assert.equal(store.forgottenUntilUs, NOW_US + 60e6)
  store.close()
})

test('a torn file, or one of another life of the machine, begins anew and says so', () => {
  const path = freshPath()
  const first = open(path)
  first.add('a', times)
  first.close()
  writeFileSync(path, readFileSync(path).fill(0xff, 100, 3000))
  const second = open(path, { nowUs: START_US })
  assert.equal(second.forgottenUntilUs, START_US + 60e6)
  assert.equal(second.add('a', times), 'new')
  second.close()
})

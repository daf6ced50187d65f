import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from './simulated/seeded-random.ts'
import { SimulatedDisk } from './simulated/simulated-disk.ts'
import { StateFile } from './state-file.ts'

const PATH = '/state/a.json'

async function made(disk: SimulatedDisk): Promise<{ file: StateFile; set: (to: string) => void }> {
  await disk.makeDirectory('/state')
  let text = ''
  const set = (to: string): void => {
    text = to
  }
  return { file: new StateFile({ disk, path: PATH, bytesMax: 100, current: () => text }), set }
}

test('nothing was saved: nothing is loaded', async () => {
  const { file } = await made(new SimulatedDisk())
  assert.equal(await file.load(), undefined)
})

test('a save that resolved survives a loss of power', async () => {
  const disk = new SimulatedDisk()
  const { file, set } = await made(disk)
  set('one')
  await file.save()
  const after = disk.crash({ power: 'lost', random: new SeededRandom(1) })
  assert.equal(await (await made(after)).file.load(), 'one')
})

test('saves that come while one is written share the next, and it has the newest', async () => {
  const disk = new SimulatedDisk()
  const { file, set } = await made(disk)
  set('one')
  const saves = [file.save()]
  for (const text of ['two', 'three', 'four']) {
    set(text)
    saves.push(file.save())
  }
  assert.equal(new Set(saves).size, 2)
  await Promise.all(saves)
  assert.equal(await file.load(), 'four')
})

test('a save that fails leaves what was there, and the next one can succeed', async () => {
  const disk = new SimulatedDisk()
  const { file, set } = await made(disk)
  set('one')
  await file.save()
  disk.inject({ operation: 'rename', nth: 1, code: 'DISK_FULL' })
  set('two')
  await assert.rejects(file.save(), { code: 'DISK_FULL' })
  assert.equal(await file.load(), 'one')
  await file.save()
  assert.equal(await file.load(), 'two')
})

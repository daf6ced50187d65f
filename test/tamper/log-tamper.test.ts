import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Report, verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import { FileMap } from './file-map.ts'
import { LogKeys, makeLog, someEntries } from './made-log.ts'

const keys = new LogKeys('log.example/1/q7x', 7)

function made(count: number, published?: readonly number[]): FileMap {
  const files = makeLog(keys, someEntries(count), published)
  return new FileMap(new Map([...files].map(([path, bytes]) => [`log/${path}`, bytes])))
}

function audit(files: FileMap): Promise<Report> {
  return verifyDirectory({ disk: files.disk(), directory: 'log', keys: keys.vkeys })
}

for (const [count, published] of [
  [0, [0]],
  [1, [1]],
  [255, [3, 255]],
  [256, [100, 256]],
  [257, [256, 257]],
  [600, [10, 300, 600]],
] as const) {
  test(`an honest log of ${count} entries holds`, async () => {
    const report = await audit(made(count, published))
    assert.deepEqual(report.bad, [])
    assert.equal(report.exit, 0)
    assert.equal(report.size, count)
    assert.deepEqual(report.scope, { log: true, records: false, persons: false })
  })
}

test('every byte of every file of a log, changed, is found and located', async () => {
  const honest = made(40, [17, 40])
  let mask = 1
  let count = 0
  for (const [path, bytes] of honest.files) {
    for (let offset = 0; offset < bytes.length; offset += path.endsWith('checkpoint') ? 29 : 5) {
      mask = (mask % 255) + 1
      const report = await audit(honest.flip(path, offset, mask))
      assert.equal(report.exit, 1, `${path} byte ${offset} ^ ${mask}`)
      const [first] = report.bad
      assert.equal(first?.file, path.slice(4), `${path} byte ${offset}: ${JSON.stringify(first)}`)
      count += 1
    }
  }
  assert.ok(count > 500)
})

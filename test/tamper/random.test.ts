// Random damage of every shape, seeded: whatever happens to a file of the epoch is found, and no
// damage makes the audit itself fail. SEED=n repeats one run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../packages/gateway/src/platform/index.ts'
import { verifyDirectory } from '../../packages/gateway/src/verify/index.ts'
import type { FileMap } from './file-map.ts'
import { DATA, MadeLedger, someTraffic } from './made-ledger.ts'

const RUNS = 150

const ledger = new MadeLedger(41, { segmentEntriesMax: 8 })
const recorder = await ledger.start()
for (const from of [0, 2, 4]) {
  await someTraffic(recorder, from)
  await ledger.publish()
}
await ledger.stop(recorder)
const honest = await ledger.files()
const paths = [...honest.files.keys()].filter((path) => path.startsWith(`${DATA}/1/`))

type Damage = (files: FileMap, path: string, random: SeededRandom) => FileMap

const below = (random: SeededRandom, limit: number): number =>
  Buffer.from(random.bytes(4)).readUInt32BE() % Math.max(1, limit)

const DAMAGES: Readonly<Record<string, Damage>> = {
  cut: (files, path, random) => {
    const bytes = files.bytes(path)
    return files.with(path, bytes.subarray(0, below(random, bytes.length)))
  },
  grown: (files, path, random) => {
    const added = random.bytes(1 + below(random, 300))
    return files.with(path, Buffer.concat([files.bytes(path), added]))
  },
  'a part of it taken out': (files, path, random) => {
    const bytes = files.bytes(path)
    const from = below(random, bytes.length)
    const to = from + 1 + below(random, 64)
    return files.with(path, Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]))
  },
  'a part of it put in twice': (files, path, random) => {
    const bytes = files.bytes(path)
    const from = below(random, bytes.length)
    const part = bytes.subarray(from, from + 1 + below(random, 64))
    return files.with(path, Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from)]))
  },
  'overwritten with noise': (files, path, random) =>
    files.with(path, random.bytes(files.bytes(path).length)),
  'replaced by another file': (files, path, random) => {
    const others = paths.filter((other) => !sameBytes(files, path, other))
    return files.with(path, files.bytes(others[below(random, others.length)] ?? path))
  },
}

function sameBytes(files: FileMap, one: string, other: string): boolean {
  return Buffer.from(files.bytes(one)).equals(files.bytes(other))
}

const seeds = process.env.SEED === undefined ? null : [Number(process.env.SEED)]

test(`${RUNS} random damages are found`, async (context) => {
  const hits = new Map<string, number>()
  for (const seed of seeds ?? Array.from({ length: RUNS }, (_, at) => at + 1)) {
    const random = new SeededRandom(seed)
    const names = Object.keys(DAMAGES)
    const name = names[below(random, names.length)] ?? 'cut'
    const path = paths[below(random, paths.length)] ?? ''
    const files = DAMAGES[name]?.(honest, path, random) ?? honest
    const report = await verifyDirectory({ disk: files.disk(), directory: DATA })
    const what = `SEED=${seed}: ${path} ${name}`
    assert.equal(report.exit, 1, `${what}: ${JSON.stringify(report.notChecked)}`)
    hits.set(name, (hits.get(name) ?? 0) + 1)
  }
  context.diagnostic([...hits].map(([name, count]) => `${count} ${name}`).join(', '))
})

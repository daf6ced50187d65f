// npm run bench -- verify [--exchanges 40000]: records per second that one thread verifies, every
// one opened: each entry, tile and block read again, each section hashed, parsed and held against
// its schema, each record against its leaf and against the records that it belongs with.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { nodeDisk } from '../packages/gateway/src/platform/index.ts'
import type { Recorder } from '../packages/gateway/src/recorder/index.ts'
import { verifyDirectory } from '../packages/gateway/src/verify/index.ts'
import { DATA, MadeLedger } from '../test/tamper/made-ledger.ts'
import { type SampleExchange, SampleExchanges } from './exchanges.sample.ts'
import { measureSha256 } from './machine.ts'
import type { BenchResult } from './run.ts'

const ROUNDS = 3
const AT_ONCE = 500

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { exchanges: { type: 'string', default: '40000' } },
  })
  const directory = join(import.meta.dirname, `.verify-${process.pid}`)
  try {
    const bytes = await makeData(directory, Number(values.exchanges))
    const rounds = []
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await verify(directory))
    const best = rounds.reduce((one, other) => (one.seconds < other.seconds ? one : other))
    const leanest = rounds.reduce((one, other) => (one.cpuSeconds < other.cpuSeconds ? one : other))
    return {
      bench: 'verify',
      figures: {
        exchanges: Number(values.exchanges),
        records: best.records,
        bytesOnDisk: bytes,
        recordsPerSecond: Math.round(best.records / best.seconds),
        recordsPerCpuSecond: Math.round(leanest.records / leanest.cpuSeconds),
        roundsSeconds: rounds.map(({ seconds }) => Number(seconds.toFixed(2))),
        residentMB: Math.round(process.memoryUsage.rss() / 1e6),
        controlSha256MBs: measureSha256(),
      },
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Round {
  readonly records: number
  readonly seconds: number
  /** Of all threads: the one that verifies, and those that read files and collect garbage. */
  readonly cpuSeconds: number
}

async function verify(directory: string): Promise<Round> {
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  const require = ['log', 'records', 'persons'] as const
  const report = await verifyDirectory({ disk: nodeDisk(), directory, require })
  if (report.exit !== 0) throw new Error(`an honest ledger fails: ${JSON.stringify(report.bad[0])}`)
  const { user, system } = process.cpuUsage(cpu)
  return {
    records: Number(report.size),
    seconds: (performance.now() - started) / 1_000,
    cpuSeconds: (user + system) / 1e6,
  }
}

/** Records the exchanges on a simulated machine, and puts its files on the disk. */
async function makeData(directory: string, exchanges: number): Promise<number> {
  const ledger = new MadeLedger(1, { preallocateBytes: 1_048_576, segmentEntriesMax: 8_192 })
  const recorder = await ledger.start()
  const samples = new SampleExchanges(1)
  for (let done = 0; done < exchanges; done += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, () => record(recorder, samples.next()))
    await Promise.all(batch)
    await ledger.publish()
  }
  await ledger.stop(recorder)
  const { files } = await ledger.files()
  let total = 0
  for (const [path, bytes] of files) {
    const place = join(directory, path.slice(DATA.length))
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, bytes)
    total += bytes.length
  }
  return total
}

async function record(recorder: Recorder, { via, how, ...asked }: SampleExchange): Promise<void> {
  if (via === undefined) await recorder.refusal({ ...asked, how })
  else await recorder.outcome(await recorder.intent(asked), { via, how })
}

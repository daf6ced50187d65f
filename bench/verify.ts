// npm run bench -- verify [--exchanges 100000]: records per second that one thread verifies, every
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
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

/** The first ones warm up; the leanest counts. */
const ROUNDS = 5
const AT_ONCE = 500

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: { exchanges: { type: 'string', default: '100000' } },
  })
  const exchanges = numberOf(values.exchanges, 'exchanges')
  const directory = join(import.meta.dirname, `.verify-${process.pid}`)
  try {
    const bytes = await makeData(directory, exchanges)
    const rounds: Round[] = []
    for (let round = 0; round < ROUNDS; round += 1) rounds.push(await verify(directory))
    const best = rounds.reduce((one, other) => (one.seconds < other.seconds ? one : other))
    const least = (part: (round: Round) => number): number => Math.min(...rounds.map(part))
    const { records } = best
    return {
      bench: 'verify',
      figures: {
        exchanges,
        records,
        bytesOnDisk: bytes,
        recordsPerThreadCpuSecond: Math.round(records / least((round) => round.threadSeconds)),
        recordsPerCpuSecond: Math.round(records / least((round) => round.cpuSeconds)),
        recordsPerSecond: Math.round(records / best.seconds),
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
  /** CPU of the thread that verifies, its garbage collection included. */
  readonly threadSeconds: number
  /** Of all threads: also those that read files, compile, and help to collect garbage. */
  readonly cpuSeconds: number
}

async function verify(directory: string): Promise<Round> {
  const [started, cpu, thread] = [performance.now(), process.cpuUsage(), process.threadCpuUsage()]
  const require = ['log', 'records', 'persons'] as const
  const disk = nodeDisk({ shortCalls: 'in place' }) // as the command does
  const report = await verifyDirectory({ disk, directory, require })
  if (report.exit !== 0) throw new Error(`an honest ledger fails: ${JSON.stringify(report.bad[0])}`)
  const seconds = (performance.now() - started) / 1_000
  const cpuSeconds = secondsOf(process.cpuUsage(cpu))
  const threadSeconds = secondsOf(process.threadCpuUsage(thread))
  return { records: Number(report.size), seconds, threadSeconds, cpuSeconds }
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6
}

/**
 * Records the exchanges on a simulated machine, and puts its files on the disk. The second start
 * packs what the first one left in the write-ahead log: of a ledger that grew large, nearly nothing
 * stands there.
 */
async function makeData(directory: string, exchanges: number): Promise<number> {
  const ledger = new MadeLedger(1, { preallocateBytes: 1_048_576 })
  const recorder = await ledger.start()
  const samples = new SampleExchanges(1)
  for (let done = 0; done < exchanges; done += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, () => record(recorder, samples.next()))
    await Promise.all(batch)
    await ledger.publish()
  }
  await ledger.stop(recorder)
  await ledger.stop(await ledger.start())
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

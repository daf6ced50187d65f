// npm run bench -- record [--seconds 10] [--directory DIR]: CPU per exchange to encode, hash and
// commit its records, on the request thread and in all threads, with each part on its own. Where
// thousands of files were removed in the last minutes, ext4 takes up to a millisecond to create
// one: name a directory that has rested.
import { rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { IntegrationWorkerData } from '../packages/gateway/src/integration-worker.ts'
import {
  LedgerKeeper,
  openLogKeys,
  SEGMENT_LIMITS,
  workerIntegration,
} from '../packages/gateway/src/ledger/index.ts'
import {
  claimDirectory,
  ed25519,
  mlDsa44,
  nodeDisk,
  nodeSha256,
  sqliteLock,
  systemClock,
  systemRandom,
} from '../packages/gateway/src/platform/index.ts'
import type { RecordDraft } from '../packages/gateway/src/recorder/composer.ts'
import { type Recorded, Recorder } from '../packages/gateway/src/recorder/index.ts'
import { newKekText, parseKek, Vault } from '../packages/gateway/src/vault/index.ts'
import { type SampleExchange, SampleExchanges } from './exchanges.sample.ts'
import { type IntegrationParts, measureIntegration } from './record.integration.ts'
import { draftsOf, measureParts } from './record.parts.ts'
import { ranSince, readThreads } from './record.threads.ts'
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

const CALLERS = 1_024
const PREPARED = 1_000
/** Long enough for the runtime to have compiled what is hot in both threads, and a segment. */
const WARM_UP_SECONDS = 8
const ORIGIN = 'bench.example/record'
const EPOCH = 1

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '10' },
      directory: { type: 'string', default: import.meta.dirname },
    },
  })
  const seconds = numberOf(values.seconds, 'seconds')
  const data = join(values.directory, `.record-${process.pid}`)
  const exchanges = prepare()
  try {
    // A vault of its own: the parts use up keys whose rows no ledger is ever given.
    const parts = measureParts(exchanges, (await openVault(`${data}/parts`)).vault)
    const integration = await integrate(`${data}/integration`, exchanges)
    const vault = await openVault(data)
    const keeper = await openKeeper(data, vault)
    keeper.onTrouble((reason) => process.stderr.write(`ledger: ${String(reason)}\n`))
    const recorder = openRecorder(keeper, vault.vault)
    await recorder.start()
    await load(recorder, exchanges, WARM_UP_SECONDS)
    const whole = await measure(keeper, recorder, exchanges, seconds)
    await recorder.stop('bench')
    await keeper.close()
    const commitUs = round(whole.requestThreadUsPerExchange - parts.jsonUs - parts.hashUs)
    return {
      bench: 'record',
      figures: { seconds, callers: CALLERS, ...whole, parts: { ...parts, commitUs }, integration },
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

/** The other threads' work, on this one: the second of two goes, for the runtime to compile it. */
async function integrate(
  directory: string,
  exchanges: readonly SampleExchange[],
): Promise<IntegrationParts> {
  const once = async (data: string): Promise<IntegrationParts> => {
    const { vault, kek } = await openVault(data)
    let drafts: readonly RecordDraft[] = []
    return measureIntegration({ data, kek, origin: ORIGIN, epoch: EPOCH }, (index) => {
      const exchange = exchanges[Math.floor(index / 2) % PREPARED]
      if (index % 2 === 0 && exchange !== undefined) drafts = draftsOf(exchange, vault)
      return drafts[index % 2] as RecordDraft
    })
  }
  await once(`${directory}/1`)
  return once(`${directory}/2`)
}

/** Whole exchanges only: what is refused has one record and costs less. */
function prepare(): readonly SampleExchange[] {
  const source = new SampleExchanges(7)
  const exchanges: SampleExchange[] = []
  while (exchanges.length < PREPARED) {
    const exchange = source.next()
    if (exchange.via !== undefined) exchanges.push(exchange)
  }
  return exchanges
}

interface OpenedVault {
  readonly vault: Vault
  readonly kek: string
}

async function openVault(data: string): Promise<OpenedVault> {
  const [disk, random] = [nodeDisk(), systemRandom()]
  const kek = newKekText(random)
  await mkdir(`${data}/state`, { recursive: true })
  const directory = `${data}/keys`
  const keys = { disk, random, directory, origin: ORIGIN, kek: parseKek(kek) }
  return { vault: await Vault.open({ ...keys, nowUs: systemClock().nowUs() }), kek }
}

async function openKeeper(data: string, { vault, kek }: OpenedVault): Promise<LedgerKeeper> {
  const [disk, clock, random] = [nodeDisk(), systemClock(), systemRandom()]
  const keysDirectory = `${data}/keys`
  const keys = { disk, clock, random, sha256: nodeSha256, directory: keysDirectory, epoch: EPOCH }
  const workerData: IntegrationWorkerData = {
    data,
    keysDirectory,
    epoch: EPOCH,
    origin: ORIGIN,
    kek,
  }
  const entry = new URL('../packages/gateway/src/integration-worker.ts', import.meta.url)
  return LedgerKeeper.start({
    disk,
    clock,
    data,
    epoch: EPOCH,
    sealer: vault.sealer,
    claim: claimDirectory,
    lock: sqliteLock(`${data}/state/lock.db`),
    signer: await openLogKeys({ ...keys, origin: ORIGIN, ed25519, mlDsa44 }),
    sha256: nodeSha256,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () => workerIntegration(new Worker(entry, { workerData })),
    publishEveryMs: 1_000,
    limits: SEGMENT_LIMITS,
    rollbackProtection: 'none',
  })
}

function openRecorder(keeper: LedgerKeeper, vault: Vault): Recorder {
  return new Recorder({
    keeper,
    vault,
    clock: systemClock(),
    random: systemRandom(),
    epoch: EPOCH,
    origin: ORIGIN,
    vkeys: [],
    gateway: 'bench',
    version: '0',
    runtime: 'bench',
    onFault: (fault) => {
      throw fault
    },
  })
}

async function measure(
  keeper: LedgerKeeper,
  recorder: Recorder,
  exchanges: readonly SampleExchange[],
  seconds: number,
): Promise<{
  readonly requestThreadUsPerExchange: number
  readonly [figure: string]: unknown
}> {
  const threads = readThreads()
  const started = performance.now()
  const [ofProcess, ofThread] = [process.cpuUsage(), process.threadCpuUsage()]
  const { count, size } = await load(recorder, exchanges, seconds)
  const thread = process.threadCpuUsage(ofThread)
  const exchangesPerSecond = Math.round((count * 1_000) / (performance.now() - started))
  // What was let in is integrated, packed and published at this load's expense too.
  await keeper.waitPublished((size + 1) as Parameters<LedgerKeeper['waitPublished']>[0])
  const all = process.cpuUsage(ofProcess)
  const byThread = Array.from(ranSince(threads), ([name, us]) => [name, round(us / count)])
  return {
    exchangesPerSecond,
    requestThreadUsPerExchange: round((thread.user + thread.system) / count),
    allThreadsUsPerExchange: round((all.user + all.system) / count),
    usPerExchangeByThread: Object.fromEntries(byThread),
  }
}

/** Callers who each wait for their intent, then for their outcome, as the proxy does. */
async function load(
  recorder: Recorder,
  exchanges: readonly SampleExchange[],
  seconds: number,
): Promise<{ readonly count: number; readonly size: number }> {
  const until = performance.now() + seconds * 1_000
  let [count, size] = [0, 0]
  const caller = (done: () => void, failed: (error: unknown) => void): void => {
    if (performance.now() >= until) {
      done()
      return
    }
    const exchange = exchanges[count++ % PREPARED] as SampleExchange
    const ended = ({ index }: Recorded): void => {
      size = index
      caller(done, failed)
    }
    const begun = (intent: Recorded): void => {
      recorder.beginOutcome(intent, exchange, ended, failed)
    }
    recorder.beginIntent(exchange, begun, failed)
  }
  await Promise.all(Array.from({ length: CALLERS }, () => new Promise<void>(caller)))
  return { count, size }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

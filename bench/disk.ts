// npm run bench -- disk [--exchanges 200000] [--minutes 60]: bytes on disk per exchange, all files,
// real ones: once as fast as it goes, once at 10 exchanges a second of simulated time. What the
// open write-ahead segment holds is bounded, and packed when it closes: measured after a restart.
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  LedgerKeeper,
  LocalIntegration,
  layoutOf,
  openLogKeys,
  SEGMENT_LIMITS,
} from '../packages/gateway/src/ledger/index.ts'
import {
  type Clock,
  claimDirectory,
  ed25519,
  mlDsa44,
  nodeDisk,
  nodeSha256,
  SimulatedClock,
  settled,
  sqliteLock,
  systemClock,
  systemRandom,
} from '../packages/gateway/src/platform/index.ts'
import { Recorder } from '../packages/gateway/src/recorder/index.ts'
import {
  BlockPacker,
  KeyRing,
  newKekText,
  parseKek,
  Vault,
} from '../packages/gateway/src/vault/index.ts'
import { PRINCIPALS, type SampleExchange, SampleExchanges } from './exchanges.sample.ts'
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

const ORIGIN = 'bench.example/disk'
const EPOCH = 1
const AT_ONCE = 256
const STEP_MS = 100

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      exchanges: { type: 'string', default: '200000' },
      minutes: { type: 'string', default: '60' },
    },
  })
  const exchanges = numberOf(values.exchanges, 'exchanges')
  const minutes = numberOf(values.minutes, 'minutes')
  const fast = await measured((data) => atFullSpeed(data, exchanges))
  const slow = await measured((data) => atTenASecond(data, minutes))
  const figures = { principals: PRINCIPALS, fullSpeed: fast, tenASecond: slow, ...control() }
  return { bench: 'disk', figures }
}

async function measured(fill: (data: string) => Promise<number>): Promise<object> {
  const data = join(import.meta.dirname, `.disk-${process.pid}`)
  try {
    const exchanges = await fill(data)
    const sizes = sizesOf(data)
    const each = (bytes: number): number => Math.round((bytes * 10) / exchanges) / 10
    const byDirectory = [...sizes].map(([name, { apparent, allocated }]) => {
      return [name, { apparentBytes: each(apparent), allocatedBytes: each(allocated) }]
    })
    const all = [...sizes.values()]
    return {
      exchanges,
      apparentBytesPerExchange: each(all.reduce((sum, { apparent }) => sum + apparent, 0)),
      allocatedBytesPerExchange: each(all.reduce((sum, { allocated }) => sum + allocated, 0)),
      perExchangeByDirectory: Object.fromEntries(byDirectory),
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

async function atFullSpeed(data: string, exchanges: number): Promise<number> {
  const gateway = new Gateway(data, systemClock())
  const recorder = await gateway.start()
  const samples = new SampleExchanges(1)
  for (let done = 0; done < exchanges; done += AT_ONCE) {
    const count = Math.min(AT_ONCE, exchanges - done)
    await Promise.all(Array.from({ length: count }, () => record(recorder, samples.next())))
  }
  await gateway.stop(recorder)
  const again = await gateway.start()
  while (gateway.segments > 1) await delay(100)
  await gateway.stop(again)
  return exchanges
}

async function atTenASecond(data: string, minutes: number): Promise<number> {
  const clock = new SimulatedClock({ startUs: 1_795_248_600_000_000 })
  const gateway = new Gateway(data, clock)
  const recorder = await passing(clock, gateway.start())
  const samples = new SampleExchanges(2)
  const steps = (minutes * 60_000) / STEP_MS
  for (let step = 0; step < steps; step++) {
    await passing(
      clock,
      record(recorder, samples.next(), () => clock.advance(STEP_MS / 2)),
    )
    await clock.advance(STEP_MS / 2)
    if (step % 10 === 9) await gateway.isPublished()
  }
  await passing(clock, gateway.stop(recorder))
  const again = await passing(clock, gateway.start())
  while (gateway.segments > 1) await passing(clock, delay(100))
  await passing(clock, gateway.stop(again))
  return steps
}

/** Simulated time passes only while nothing real is being waited for. */
async function passing<Value>(clock: SimulatedClock, work: Promise<Value>): Promise<Value> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  for (let idle = 0; !isDone; idle++) {
    await settled()
    if (idle % IDLE_TURNS === IDLE_TURNS - 1) await clock.advance(1)
  }
  return done
}

const IDLE_TURNS = 200

async function record(
  recorder: Recorder,
  { via, how, ...asked }: SampleExchange,
  between?: () => Promise<void>,
): Promise<void> {
  if (via === undefined) {
    await recorder.refusal({ ...asked, how })
    return
  }
  const intent = await recorder.intent(asked)
  await between?.()
  await recorder.outcome(intent, { via, how })
}

class Gateway {
  readonly #data: string
  readonly #clock: Clock
  readonly #kek = parseKek(newKekText(systemRandom()))
  #keeper: LedgerKeeper | undefined

  constructor(data: string, clock: Clock) {
    this.#data = data
    this.#clock = clock
  }

  async start(): Promise<Recorder> {
    const [disk, random, clock, data] = [nodeDisk(), systemRandom(), this.#clock, this.#data]
    const directory = `${data}/keys`
    mkdirSync(`${data}/state`, { recursive: true })
    mkdirSync(directory, { recursive: true })
    const keys = { disk, random, directory, origin: ORIGIN, kek: this.#kek }
    const vault = await Vault.open({ ...keys, nowUs: clock.nowUs() })
    const algorithms = { ed25519, mlDsa44 }
    const logKeys = { ...keys, ...algorithms, clock, sha256: nodeSha256, epoch: EPOCH }
    const signer = await openLogKeys(logKeys)
    const epochDirectory = `${data}/${EPOCH}`
    const openIntegration = (): LocalIntegration => {
      const packer = new BlockPacker({ ...keys, ring: new KeyRing(keys), epochDirectory })
      const log = layoutOf(data, EPOCH).log
      return new LocalIntegration({ disk, directory: log, sha256: nodeSha256, packer })
    }
    this.#keeper = await LedgerKeeper.start({
      disk,
      clock,
      data,
      signer,
      algorithms,
      openIntegration,
      epoch: EPOCH,
      sealer: vault.sealer,
      claim: claimDirectory,
      lock: sqliteLock(`${data}/state/lock.db`),
      sha256: nodeSha256,
      publishEveryMs: 1_000,
      limits: SEGMENT_LIMITS,
      rollbackProtection: 'none',
    })
    const recorder = new Recorder({
      keeper: this.#keeper,
      vault,
      clock,
      random,
      epoch: EPOCH,
      origin: ORIGIN,
      vkeys: signer.vkeys,
      gateway: 'edge-1',
      version: '0.1.0',
      runtime: process.version,
      onFault: (fault) => {
        throw fault
      },
    })
    await recorder.start()
    return recorder
  }

  async stop(recorder: Recorder): Promise<void> {
    await recorder.stop('bench')
    await this.#keeper?.close()
  }

  /** Write-ahead segments that are still kept. */
  get segments(): number {
    return readdirSync(`${this.#data}/state/wal`).length
  }

  /** A publish that real time would have seen done must be done before more time passes. */
  async isPublished(): Promise<void> {
    const size = this.#keeper?.published?.size ?? 0
    for (let turn = 0; turn < IDLE_TURNS; turn++) {
      await settled()
      if ((this.#keeper?.published?.size ?? 0) > size) return
    }
  }
}

interface Size {
  apparent: number
  allocated: number
}

/** By directory: those of the epoch, and those beside it. */
function sizesOf(data: string): ReadonlyMap<string, Size> {
  const sizes = new Map<string, Size>()
  const visit = (path: string, name: string): void => {
    const facts = lstatSync(join(data, path))
    const size = sizes.get(name) ?? { apparent: 0, allocated: 0 }
    if (facts.isFile()) size.apparent += facts.size
    size.allocated += facts.blocks * 512
    sizes.set(name, size)
    if (!facts.isDirectory()) return
    for (const each of readdirSync(join(data, path)))
      visit(join(path, each), nameOf(path, each, name))
  }
  visit('.', 'data')
  return sizes
}

function nameOf(path: string, each: string, name: string): string {
  if (path === '.') return each
  return path === String(EPOCH) ? each : name
}

/** What a general compressor makes of the same records as one stream: nothing verifiable. */
function control(): { readonly controlZstd19BytesPerExchange: number | undefined } {
  const samples = new SampleExchanges(1)
  const lines = Array.from({ length: 20_000 }, () => JSON.stringify(samples.next()))
  const told = spawnSync('zstd', ['-19', '-c'], { input: lines.join('\n'), maxBuffer: 2 ** 28 })
  const bytes = told.status === 0 ? told.stdout.length / lines.length : undefined
  return { controlZstd19BytesPerExchange: bytes && Math.round(bytes) }
}

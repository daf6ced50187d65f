// npm run bench -- ledger [--seconds 60] [--in-thread] [--directory DIR]: durable appends per
// second, and how long one takes at 10,000 a second. Integration, packing and publishing are on, as
// in production. Where thousands of files were removed in the last minutes, ext4 takes up to a
// millisecond to create one: name a directory that has rested.
import { closeSync, constants, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { IntegrationWorkerData } from '../packages/gateway/src/integration-worker.ts'
import {
  type Entry,
  type Integration,
  Ledger,
  LocalIntegration,
  layoutOf,
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
import {
  BlockPacker,
  KeyRing,
  newKekText,
  parseKek,
  Vault,
} from '../packages/gateway/src/vault/index.ts'
import { numberOf } from './run.options.ts'
import type { BenchResult } from './run.ts'

const CALLERS = 1_024
const LEAF_BYTES = 33
const PAYLOAD_BYTES = 700
const PREPARED = 4_096
const OPEN_LOOP_PER_SECOND = 10_000
const ORIGIN = 'bench.example/ledger'
const EPOCH = 1

export async function run(): Promise<BenchResult> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      seconds: { type: 'string', default: '60' },
      'in-thread': { type: 'boolean' },
      directory: { type: 'string', default: import.meta.dirname },
    },
  })
  const seconds = numberOf(values.seconds, 'seconds')
  const data = join(values.directory, `.ledger-${process.pid}`)
  // The ledger's own timers do not keep a process alive, and in this thread nothing else would.
  const alive = setInterval(() => undefined, 1_000)
  try {
    const barePerSecond = bareLoop(data, Math.min(5, seconds))
    const ledger = await open(data, values['in-thread'] === true)
    const entries = prepare()
    const closed = await closedLoop(ledger, entries, seconds)
    const opened = await openLoop(ledger, entries, Math.min(20, seconds))
    await ledger.close()
    const bareLoopRatio = round(closed.appendsPerSecond / barePerSecond)
    const integration = values['in-thread'] === true ? 'this thread' : 'worker'
    const control = { bareAppendsPerSecond: barePerSecond, bareLoopRatio }
    return { bench: 'ledger', figures: { seconds, integration, ...closed, ...control, ...opened } }
  } finally {
    clearInterval(alive)
    rmSync(data, { recursive: true, force: true })
  }
}

/** The control: the same bytes in batches of as many, written and flushed, and nothing else. */
function bareLoop(data: string, seconds: number): number {
  const batch = Buffer.alloc(CALLERS * (LEAF_BYTES + PAYLOAD_BYTES + 7), 0x5a)
  const [path, until] = [`${data}.bare`, performance.now() + seconds * 1_000]
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC)
  let batches = 0
  try {
    for (let at = 0; performance.now() < until; at = (at + batch.length) % 67_108_864) {
      writeSync(file, batch, 0, batch.length, at)
      fdatasyncSync(file)
      batches += 1
    }
  } finally {
    closeSync(file)
    rmSync(path)
  }
  return Math.round((batches * CALLERS) / seconds)
}

async function open(data: string, inThread: boolean): Promise<Ledger> {
  const [disk, clock, random] = [nodeDisk(), systemClock(), systemRandom()]
  const keysDirectory = `${data}/keys`
  await mkdir(keysDirectory, { recursive: true })
  const kek = newKekText(random)
  const kekKey = parseKek(kek)
  const vaultOptions = { disk, random, directory: keysDirectory, origin: ORIGIN, kek: kekKey }
  const vault = await Vault.open({ ...vaultOptions, nowUs: clock.nowUs() })
  const keys = { disk, clock, random, sha256: nodeSha256, directory: keysDirectory, epoch: EPOCH }
  const workerData: IntegrationWorkerData = {
    data,
    keysDirectory,
    epoch: EPOCH,
    origin: ORIGIN,
    kek,
  }
  await mkdir(`${data}/state`, { recursive: true })
  return Ledger.open({
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
    openIntegration: () => (inThread ? integrateHere(workerData) : integrateInWorker(workerData)),
    publishEveryMs: 1_000,
    limits: SEGMENT_LIMITS,
    rollbackProtection: 'none',
  })
}

function integrateInWorker(workerData: IntegrationWorkerData): Integration {
  const entry = '../packages/gateway/src/integration-worker.ts'
  return workerIntegration(new Worker(new URL(entry, import.meta.url), { workerData }))
}

function integrateHere({ data, keysDirectory, kek }: IntegrationWorkerData): Integration {
  const [disk, random] = [nodeDisk(), systemRandom()]
  const ring = new KeyRing({ disk, directory: keysDirectory, kek: parseKek(kek), origin: ORIGIN })
  const epochDirectory = `${data}/${EPOCH}`
  const packer = new BlockPacker({ disk, random, ring, origin: ORIGIN, epochDirectory })
  const directory = layoutOf(data, EPOCH).log
  return new LocalIntegration({ disk, directory, sha256: nodeSha256, packer })
}

/** Records as they come prepared: text like a record's, half of it digests. */
function prepare(): readonly Entry[] {
  const random = systemRandom()
  return Array.from({ length: PREPARED }, (_, at) => {
    const digests = Buffer.from(random.bytes(PAYLOAD_BYTES / 4)).toString('hex')
    const text = `{"at":"2026-11-21T08:00:00.${at}Z","path":"/orders/${at}","digests":"`
    const payload = Buffer.alloc(PAYLOAD_BYTES, `${text}${digests}","route":"orders","status":200}`)
    return { leaf: random.bytes(LEAF_BYTES), payload: Uint8Array.from(payload) }
  })
}

async function closedLoop(
  ledger: Ledger,
  entries: readonly Entry[],
  seconds: number,
): Promise<{ readonly appendsPerSecond: number; readonly [figure: string]: number }> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  const until = started + seconds * 1_000
  let [next, acknowledged] = [0, 0]
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      await ledger.append(entries[next++ % PREPARED] as Entry)
      acknowledged += 1
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  const ended = performance.now()
  const { user, system } = process.cpuUsage(cpu)
  await ledger.waitPublished(ledger.size)
  return {
    appendsPerSecond: Math.round((acknowledged * 1_000) / (ended - started)),
    cpuUsPerAppend: round((user + system) / acknowledged),
    backlogMs: Math.round(performance.now() - ended),
  }
}

/** Appends at a steady rate, whatever the answers take. */
async function openLoop(
  ledger: Ledger,
  entries: readonly Entry[],
  seconds: number,
): Promise<Readonly<Record<string, number>>> {
  const total = OPEN_LOOP_PER_SECOND * seconds
  const takenMs = new Float64Array(total)
  const started = performance.now()
  const answers: Promise<void>[] = []
  for (let sent = 0; sent < total; await soon()) {
    const due = Math.min(total, ((performance.now() - started) * OPEN_LOOP_PER_SECOND) / 1_000)
    for (; sent < due; sent += 1) {
      // From when it was due: a generator that comes late does not hide what it caused.
      const [at, dueMs] = [sent, started + (sent * 1_000) / OPEN_LOOP_PER_SECOND]
      const answer = ledger.append(entries[at % PREPARED] as Entry)
      answers.push(
        answer.then(() => {
          takenMs[at] = performance.now() - dueMs
        }),
      )
    }
  }
  await Promise.all(answers)
  takenMs.sort()
  const quantile = (of: number): number => round(takenMs[Math.floor(total * of)] ?? 0)
  return { p50At10kMs: quantile(0.5), p99At10kMs: quantile(0.99), p999At10kMs: quantile(0.999) }
}

function soon(): Promise<void> {
  return new Promise((done) => setTimeout(done, 1))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

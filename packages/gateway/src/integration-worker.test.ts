// The real worker, disk, lock and vault: what crosses arrives, and a worker that dies ends the
// instance.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { TreeSize } from '@countersign/tlog'
import type { IntegrationWorkerData } from './integration-worker.ts'
import {
  LedgerKeeper,
  type LedgerOptions,
  openLogKeys,
  SEGMENT_LIMITS,
  workerIntegration,
} from './ledger/index.ts'
import {
  claimDirectory,
  ed25519,
  mlDsa44,
  nodeDisk,
  nodeSha256,
  RemoteLock,
  systemClock,
  systemRandom,
} from './platform/index.ts'
import { newKekText, parseKek, Vault } from './vault/index.ts'

const origin = 'worker.example/log'

test('a ledger integrates in its worker, and outlives it', async (t) => {
  const workers: Worker[] = []
  const keeper = await LedgerKeeper.start(await options(t, workers))
  t.after(() => keeper.close())
  const append = (number: number): Promise<number> =>
    keeper.append({ leaf: Buffer.from(`leaf ${number}`), payload: Buffer.alloc(700, number) })
  await Promise.all(Array.from({ length: 600 }, (_, number) => append(number)))
  assert.equal((await keeper.waitPublished(600 as TreeSize)).size, 600)

  const died = new Promise<Error>((done) => keeper.onTrouble(done))
  const lived = new Promise<void>((done) =>
    keeper.onIncarnation(({ incarnation }) => incarnation === 2 && done()),
  )
  await workers[0]?.terminate()
  // Taken by the dying instance, or refused by the dead one: only a settle tells that it is gone.
  const taken = await append(600).then(
    () => 1,
    () => 0,
  )
  assert.match((await died).message, /integration worker is gone/)
  await lived
  assert.equal(await append(601), 600 + taken)
  const size = (601 + taken) as TreeSize
  assert.equal((await keeper.waitPublished(size)).size, size)
  assert.equal(workers.length, 2)
})

async function options(t: TestContext, workers: Worker[]): Promise<LedgerOptions> {
  const data = mkdtempSync(join(tmpdir(), 'countersign-worker-'))
  t.after(() => rmSync(data, { recursive: true }))
  const [disk, clock, random] = [nodeDisk(), systemClock(), systemRandom()]
  const keysDirectory = `${data}/keys`
  mkdirSync(keysDirectory)
  mkdirSync(`${data}/state`)
  const kek = newKekText(random)
  const workerData: IntegrationWorkerData = { data, keysDirectory, epoch: 1, origin, kek }
  const vault = await Vault.open({
    disk,
    random,
    directory: keysDirectory,
    origin,
    kek: parseKek(kek),
    nowUs: clock.nowUs(),
  })
  const keys = { disk, clock, random, sha256: nodeSha256, directory: keysDirectory, epoch: 1 }
  const lockPath = `${data}/state/lock.db`
  const lock = new RemoteLock(lockPath)
  t.after(() => lock.close())
  return {
    disk,
    clock,
    lock,
    claim: claimDirectory,
    sealer: vault.sealer,
    signer: await openLogKeys({ ...keys, origin, ed25519, mlDsa44 }),
    sha256: nodeSha256,
    algorithms: { ed25519, mlDsa44 },
    openIntegration: () => {
      const entry = new URL('integration-worker.ts', import.meta.url)
      const { port1: near, port2: port } = new MessageChannel()
      lock.connect(near)
      const given = { ...workerData, lock: { path: lockPath, port } }
      const worker = new Worker(entry, { workerData: given, transferList: [port] })
      workers.push(worker)
      return workerIntegration(worker)
    },
    data,
    epoch: 1,
    publishEveryMs: 50,
    limits: SEGMENT_LIMITS,
    rollbackProtection: 'none',
  }
}

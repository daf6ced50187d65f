// A small ledger made by the real recorder, ledger and vault on a simulated machine, and its files.
import {
  type CheckpointSigner,
  LedgerKeeper,
  LocalIntegration,
  openLogKeys,
  SEGMENT_LIMITS,
  type SegmentLimits,
} from '../../packages/gateway/src/ledger/index.ts'
import {
  type Disk,
  ed25519,
  type Lock,
  LockCell,
  MemoryClaims,
  memoryLock,
  mlDsa44,
  nodeSha256,
  SeededRandom,
  SimulatedClock,
  SimulatedDisk,
} from '../../packages/gateway/src/platform/index.ts'
import {
  type IntentDraft,
  type Recorded,
  Recorder,
  type RefusalDraft,
} from '../../packages/gateway/src/recorder/index.ts'
import {
  BlockPacker,
  BodyStore,
  KeyRing,
  newKekText,
  parseKek,
  Vault,
} from '../../packages/gateway/src/vault/index.ts'
import { FileMap } from './file-map.ts'

export const DATA = '/data'
export const MADE_ORIGIN = 'ledger.example/1/k3v9'
const KEYS = `${DATA}/keys`
const EPOCH = `${DATA}/1`
/** Of its own: what else is made stays the same. */
const BODIES_RANDOM = new SeededRandom(99)

/** One simulated machine on which a gateway's recorder runs, and may die. */
export class MadeLedger {
  readonly clock = new SimulatedClock()
  readonly random: SeededRandom
  readonly faults: unknown[] = []
  disk: SimulatedDisk
  readonly #cell = new LockCell()
  readonly #kekText: string
  readonly #limits: SegmentLimits
  #claims = new MemoryClaims()
  #lock = memoryLock({ cell: this.#cell })
  #keeper: LedgerKeeper | undefined

  constructor(seed: number, limits: Partial<SegmentLimits> = {}) {
    this.random = new SeededRandom(seed)
    this.#kekText = newKekText(this.random)
    this.disk = new SimulatedDisk({ random: new SeededRandom(seed + 1) })
    this.#limits = { ...SEGMENT_LIMITS, preallocateBytes: 512, ...limits }
  }

  async start(): Promise<Recorder> {
    const { disk, clock, random } = this
    await disk.makeDirectory(KEYS)
    await this.#writeKek()
    const kek = parseKek(this.#kekText)
    const origin = MADE_ORIGIN
    const nowUs = clock.nowUs()
    const vault = await Vault.open({ disk, random, origin, directory: KEYS, kek, nowUs })
    const keys = { disk, clock, random, sha256: nodeSha256, directory: KEYS, epoch: 1 }
    const signer = await openLogKeys({ ...keys, origin, ed25519, mlDsa44 })
    this.#keeper = await this.#keep(vault, signer)
    const recorder = new Recorder({
      vault,
      clock,
      random,
      origin,
      epoch: 1,
      vkeys: signer.vkeys,
      keeper: this.#keeper,
      gateway: 'test',
      version: '0.1.0',
      runtime: 'test',
      bodies: this.#bodies(),
      onFault: (fault) => this.faults.push(fault),
    })
    await recorder.start()
    return recorder
  }

  #bodies(): BodyStore {
    const { disk } = this
    const onFault = (fault: unknown): void => void this.faults.push(fault)
    return new BodyStore({ disk, random: BODIES_RANDOM, data: DATA, origin: MADE_ORIGIN, onFault })
  }

  #keep(vault: Vault, signer: CheckpointSigner): Promise<LedgerKeeper> {
    const { disk, clock } = this
    return LedgerKeeper.start({
      disk,
      clock,
      sealer: vault.sealer,
      signer,
      sha256: nodeSha256,
      data: DATA,
      epoch: 1,
      lock: this.#lock,
      claim: this.#claims.claim,
      algorithms: { ed25519, mlDsa44 },
      openIntegration: () => this.#integration(disk),
      publishEveryMs: 1_000,
      limits: this.#limits,
      rollbackProtection: 'lock',
    })
  }

  #integration(disk: Disk): LocalIntegration {
    const kek = parseKek(this.#kekText)
    const ring = new KeyRing({ disk, directory: KEYS, kek, origin: MADE_ORIGIN })
    const packing = { disk, random: this.random, ring, origin: MADE_ORIGIN, epochDirectory: EPOCH }
    const packer = new BlockPacker(packing)
    return new LocalIntegration({ disk, directory: `${EPOCH}/log`, sha256: nodeSha256, packer })
  }

  async #writeKek(): Promise<void> {
    const mode = { for: 'write', create: 'if-missing', durable: true } as const
    const file = await this.disk.open(`${KEYS}/kek`, mode)
    await file.write(0, new TextEncoder().encode(this.#kekText))
    await file.close()
    await this.disk.syncDirectory(KEYS)
  }

  /** Lets a second pass, so that what was recorded is published. */
  publish(): Promise<void> {
    return this.clock.advance(1_000)
  }

  async stop(recorder: Recorder): Promise<void> {
    await recorder.stop('test')
    await this.#keeper?.close()
  }

  /** The process dies, or the power goes with what was not flushed. */
  crash(power: 'kept' | 'lost'): void {
    this.#lock.goDown()
    this.disk = this.disk.crash({ power, random: this.random })
    this.#claims = new MemoryClaims()
    this.#lock = memoryLock({ cell: this.#cell })
  }

  /** The lock as it stands now, as somebody reads it who does not hold it. */
  get lock(): Pick<Lock, 'read'> {
    return memoryLock({ cell: this.#cell })
  }

  /** Every file as it stands now; an empty one is a file too. */
  async files(): Promise<FileMap> {
    const files = new Map<string, Uint8Array>()
    const disk = this.disk.observer()
    const pending = [DATA]
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      for (const { name, kind } of await disk.list(folder)) {
        const path = `${folder}/${name}`
        if (kind === 'directory') pending.push(path)
        else files.set(path, (await disk.read(path)).slice())
      }
    }
    return new FileMap(files)
  }
}

const ALLOWED = { verdict: 'allow', reason: 'policy-permits', policies: ['orders'] } as const

export function request(person: string, number: number): IntentDraft {
  return {
    who: { principal: { id: person, kind: 'user', issuer: 'keys' }, facts: { groups: ['staff'] } },
    where: { address: '192.0.2.7', port: 50_000 + number },
    what: { method: 'GET', scheme: 'http', authority: 'localhost', path: `/orders/${number}` },
    why: ALLOWED,
  }
}

export const REFUSED: RefusalDraft = {
  where: { address: '192.0.2.9' },
  why: { verdict: 'deny', reason: 'credentials-missing' },
  how: { ended: 'released', status: 401, source: 'gateway', error: 'credentials-missing' },
}

export const DONE = { how: { ended: 'released', status: 200, source: 'upstream' } } as const

/** One exchange of each of two persons, and somebody who is refused. */
export async function someTraffic(
  recorder: Recorder,
  from: number,
  path = `/orders/${from}`,
): Promise<readonly Recorded[]> {
  const first = request('ada', from)
  const ada = await recorder.intent({ ...first, what: { ...first.what, path } })
  const ben = await recorder.intent({ ...request('ben', from + 1), personal: ['what', 'how'] })
  const refusal = await recorder.refusal(REFUSED)
  return [ada, await recorder.outcome(ada, DONE), await recorder.outcome(ben, DONE), refusal]
}

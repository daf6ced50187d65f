import { createHash } from 'node:crypto'
import type { CapturedFacts, Where, Who } from '@countersign/evidence'
import { openBodies } from '../../packages/gateway/src/compose/open-bodies.ts'
import {
  type Disk,
  DiskError,
  diskErrorCode,
  type SeededRandom,
} from '../../packages/gateway/src/platform/index.ts'
import {
  type CapturedBody,
  type Recorder,
  RecorderError,
  sealedFacts,
} from '../../packages/gateway/src/recorder/index.ts'
import {
  BODIES_FOLDER,
  type BodyStore,
  bodyPath,
  parseBodyPath,
  VaultError,
} from '../../packages/gateway/src/vault/index.ts'
import { ORIGIN, openBodyReader, openSealed, openWrittenAhead } from './assembly.ts'
import type { Hits } from './coverage.ts'
import { type Model, Violation } from './model.ts'

const LARGE_BYTES = 150_000

/** The files of captured bodies of one process, as the program puts them together. */
export class SimulatedBodies {
  readonly store: BodyStore
  /** What an earlier life left is looked after. */
  isSettled = false
  /** The last thing that failed in the background. */
  fault: unknown
  readonly #settle: () => Promise<void>

  private constructor(store: BodyStore, settle: () => Promise<void>) {
    this.store = store
    this.#settle = settle
  }

  static async open(disk: Disk, random: SeededRandom, data: string): Promise<SimulatedBodies> {
    const error = (told: unknown): void => {
      bodies.fault = told
    }
    const ledger = { signer: { origin: ORIGIN } }
    const opened = await openBodies({ data }, { disk, random }, { ledger, log: { error } })
    const reader = {
      block: async (number: number) => (await openSealed(disk, data)).block(number),
    }
    const wal = () => openWrittenAhead(disk, data)
    const bodies = new SimulatedBodies(opened.store, () => opened.settle({ wal, reader }))
    return bodies
  }

  settle(): void {
    void this.#settle().then(() => {
      this.isSettled = true
    })
  }
}

/** A body that a client sent, or was sent: sealed, as the proxy does it; or it cannot be kept. */
export async function capture(
  of: { readonly who: Who; readonly where: Where },
  at: { readonly recorder: Recorder; readonly random: SeededRandom; readonly model: Model },
): Promise<{ readonly body: CapturedBody; readonly captured: CapturedFacts } | undefined> {
  const { recorder, random, model } = at
  const content = random.bytes(1 + random.below(random.chance(0.1) ? LARGE_BYTES : 3_000))
  try {
    const writer = await recorder.bodies.begin(of.who, of.where)
    try {
      const half = random.below(content.length)
      await writer.add(content.subarray(0, half))
      await writer.add(content.subarray(half))
      const body = await writer.finish()
      model.bodies.set(body.sha256, sha256(content))
      return { body, captured: sealedFacts(body) }
    } catch (error) {
      await writer.abandon()
      throw error
    }
  } catch (error) {
    if (error instanceof DiskError || error instanceof RecorderError) return undefined
    throw error
  }
}

/**
 * Every body that a record names is there, opens, and is the one that was sent; and none is where
 * it stays that no record names. `isQuiet`: nor does any wait that no record names.
 */
export async function checkBodies(
  {
    disk,
    data,
    isQuiet,
  }: {
    readonly disk: Disk
    readonly data: string
    readonly isQuiet: boolean
  },
  {
    model,
    named,
    hits,
  }: {
    readonly model: Model
    readonly named: ReadonlyMap<string, CapturedFacts>
    readonly hits: Hits
  },
): Promise<void> {
  const reader = await openBodyReader(disk, data)
  for (const [name, facts] of named) {
    try {
      const opened = await reader.read(facts)
      if (opened.sha256 === model.bodies.get(name)) continue
      throw new Violation('a body that is named is there', `${bodyPath(name)} is another`)
    } catch (cause) {
      if (!(cause instanceof VaultError)) throw cause
      const what = `${bodyPath(name)}: ${cause.message}`
      throw new Violation('a body that is named is there', what, { cause })
    }
  }
  for (const path of await filesOf(disk, `${data}/${BODIES_FOLDER}`)) {
    const name = parseBodyPath(path)
    if (name !== undefined && named.has(name)) continue
    if (path.startsWith('incoming/') && !isQuiet) continue
    throw new Violation('a body that no record names goes away', path)
  }
  hits.add('checked: bodies', named.size)
}

async function filesOf(disk: Disk, directory: string): Promise<readonly string[]> {
  const files: string[] = []
  for (const { name } of await listed(disk, directory)) {
    const inside = await disk.list(`${directory}/${name}`)
    files.push(...inside.map((file) => `${name}/${file.name}`))
  }
  return files
}

async function listed(disk: Disk, directory: string): ReturnType<Disk['list']> {
  try {
    return await disk.list(directory)
  } catch (error) {
    if (diskErrorCode(error) === 'DISK_NOT_FOUND') return []
    throw error
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

import { type Disk, DiskError, type FileKind } from '../platform/index.ts'
import type { Findings } from './report.ts'
import { CHECKPOINT_ROW_BYTES } from './stored-checkpoints.ts'
import { VerifyError } from './verify-error.ts'

type Names = Awaited<ReturnType<Disk['list']>>

const EPOCH_NAME = /^[1-9][0-9]{0,8}$/

/** The epoch to audit, and whether it is the one that a gateway writes to. */
export interface EpochChoice {
  readonly epoch: number
  readonly isNewest: boolean
  readonly others: readonly number[]
}

interface ChoiceOptions {
  readonly disk: Disk
  /** The data directory. */
  readonly directory: string
  /** Absent: the newest in which anything was published. */
  readonly epoch?: number
}

/**
 * Chooses among the epochs of a data directory, and says which are left out. One in which nothing
 * was ever published is what a first start leaves that did not come far; or somebody made it, so
 * that the epochs beside it would not be looked at.
 */
export async function chooseEpoch(
  options: ChoiceOptions,
  names: Names,
  to: Findings,
): Promise<EpochChoice> {
  const { disk, directory, epoch } = options
  tellOthers(names, to)
  const { epochs, states, published, newest } = await epochsAmong(disk, directory, names)
  const chosen = epoch ?? newest
  if (chosen === undefined || !epochs.includes(chosen)) {
    const what = epoch === undefined ? 'ledger' : `epoch ${epoch}`
    throw new VerifyError('VERIFY_NOTHING_THERE', `there is no ${what} in ${directory}`)
  }
  if (states.get(chosen) === 'unreadable') {
    throw new VerifyError('VERIFY_UNREADABLE', `cannot list ${directory}/${chosen}`)
  }
  if (!published.includes(chosen)) {
    const why = `nothing is published in ${directory}/${chosen} yet`
    throw new VerifyError('VERIFY_NOTHING_THERE', why)
  }
  for (const [other, state] of states) {
    if (other === chosen) continue
    const why = LEFT_OUT[state](other)
    if (epoch === undefined) to.lack('file', why)
    else to.skip('file', why)
  }
  const others = published.filter((each) => each !== chosen)
  return { epoch: chosen, isNewest: chosen === newest, others }
}

/** The epoch that everybody who reads a data directory takes, where none is given. */
export async function newestEpoch(disk: Disk, directory: string): Promise<number | undefined> {
  return (await epochsAmong(disk, directory, await disk.list(directory))).newest
}

interface Epochs {
  /** Rising, as are those below. */
  readonly epochs: readonly number[]
  readonly states: ReadonlyMap<number, EpochState>
  readonly published: readonly number[]
  /** Of those in which something was published, or, where there is none, of all. */
  readonly newest: number | undefined
}

/** A link is not followed, so that there is no epoch behind it. */
async function epochsAmong(disk: Disk, directory: string, names: Names): Promise<Epochs> {
  const epochs = names
    .filter(({ name, kind }) => kind === 'directory' && EPOCH_NAME.test(name))
    .map(({ name }) => Number(name))
    .sort((one, other) => one - other)
  const states = new Map<number, EpochState>()
  for (const each of epochs) states.set(each, await stateOf(disk, `${directory}/${each}`))
  const published = epochs.filter((each) => states.get(each) === 'published')
  return { epochs, states, published, newest: published.at(-1) ?? epochs.at(-1) }
}

/** What has an epoch's name and is none. */
function tellOthers(names: Names, to: Findings): void {
  for (const { name, kind } of names.filter((each) => EPOCH_NAME.test(each.name))) {
    if (kind === 'file') to.add('file', 'is a file that no ledger has', { file: name })
    if (kind === 'other') to.lack('file', 'is no directory: links are not followed', { file: name })
  }
}

type EpochState = 'published' | 'unpublished' | 'unreadable'

const LEFT_OUT: Readonly<Record<EpochState, (epoch: number) => string>> = {
  published: (epoch) => `epoch ${epoch} was not looked at: add --epoch ${epoch}`,
  unpublished: (epoch) => `epoch ${epoch} has nothing published yet`,
  unreadable: (epoch) => `epoch ${epoch} cannot be listed`,
}

async function stateOf(disk: Disk, directory: string): Promise<EpochState> {
  try {
    return (await isBegun(disk, directory)) ? 'published' : 'unpublished'
  } catch (error) {
    if (error instanceof DiskError) return 'unreadable'
    throw error
  }
}

/**
 * What a first start may have made before it has shown the checkpoint of size 0: the list of keys,
 * that checkpoint's note, and its row. Whatever else is there came later.
 */
const FIRST_START: Readonly<Record<string, Readonly<Record<string, FileKind>>>> = {
  '': { log: 'directory', checkpoints: 'directory' },
  log: { vkeys: 'file', 'vkeys.tmp': 'file', 'checkpoint.tmp': 'file' },
  checkpoints: { notes: 'directory', '00000000': 'file' },
  'checkpoints/notes': { '0': 'file', '0.tmp': 'file' },
}

/** Whether anything was ever published in an epoch's directory, if only to be removed again. */
async function isBegun(disk: Disk, directory: string): Promise<boolean> {
  const pending = ['']
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const { name, kind } of await disk.list(join(directory, folder))) {
      if (FIRST_START[folder]?.[name] !== kind) return true
      if (kind === 'directory') pending.push(join(folder, name))
    }
  }
  const rows = await disk.stat(`${directory}/checkpoints/00000000`)
  return rows !== undefined && rows.bytes > CHECKPOINT_ROW_BYTES
}

function join(folder: string, name: string): string {
  return folder === '' || name === '' ? folder + name : `${folder}/${name}`
}

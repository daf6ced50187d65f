import { join } from 'node:path'
import {
  bundleOf,
  decodeBundle,
  entriesPath,
  leafIndex,
  NOTE_BYTES_MAX,
  parseCheckpoint,
  parseNote,
  type TreeSize,
  tileWidthAt,
} from '@countersign/tlog'
import { Command } from 'commander'
import type { Disk } from '../platform/index.ts'
import { diskErrorCode } from '../platform/index.ts'
import type { CliContext } from './command.ts'
import { CliError, dataOption, jsonOption } from './command.ts'
import { newestEpoch } from './newest-epoch.ts'
import { jsonLine } from './printable.ts'

/** What the README flips: early enough to be published soon after the demo has started. */
const ENTRY = 17
const BUNDLE_BYTES_MAX = 256 * 65_537

interface Options {
  readonly data: string
  readonly json?: boolean
}

interface Flip {
  readonly entry: number
  readonly file: string
  /** Offset in the file, from 0. */
  readonly byte: number
  readonly before: number
  readonly after: number
}

export function tamperCommand(context: CliContext): Command {
  return new Command('tamper')
    .description('flip one bit of one entry on the disk, for verify to find')
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(async ({ data, json }: Options) => {
      const flip = await tamper(context.disk, data)
      context.terminal.out(json === true ? jsonLine(flip) : describe(flip, data))
    })
}

async function tamper(disk: Disk, data: string): Promise<Flip> {
  const log = join(data, String(await newestEpoch(disk, data)), 'log')
  const size = await publishedSize(disk, log)
  const index = leafIndex(Math.min(ENTRY, size - 1))
  const { index: bundle, offset } = bundleOf(index)
  const width = tileWidthAt(size, 0, bundle)
  const file = join(log, entriesPath({ index: bundle, width }))
  const bytes = await disk.read(file, BUNDLE_BYTES_MAX)
  const entry = decodeBundle(bytes, width)[offset]
  const last = entry?.at(-1)
  if (entry === undefined || last === undefined) throw new CliError(2, `${file} is not a bundle`)
  const byte = entry.byteOffset - bytes.byteOffset + entry.length - 1
  const flip = { entry: index, file, byte, before: last, after: last ^ 1 }
  await overwrite(disk, flip)
  return flip
}

async function publishedSize(disk: Disk, log: string): Promise<TreeSize> {
  try {
    const note = parseNote(await disk.read(join(log, 'checkpoint'), NOTE_BYTES_MAX))
    const { size } = parseCheckpoint(note.text)
    if (size > 0) return size
  } catch (error) {
    if (diskErrorCode(error) !== 'DISK_NOT_FOUND') throw error
  }
  throw new CliError(2, `nothing is published in ${log} yet: there is nothing to tamper with`)
}

async function overwrite(disk: Disk, { file, byte, after }: Flip): Promise<void> {
  const open = await disk.open(file, { for: 'write', create: 'never' })
  try {
    await open.write(byte, Uint8Array.of(after))
  } finally {
    await open.close()
  }
}

function describe({ entry, file, byte, before, after }: Flip, data: string): string {
  return `flipped one bit of entry ${entry}
  file ${file}
  byte ${byte}: ${hex(before)} is now ${hex(after)}
Now try: countersign verify ${data}
`
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}

import { Command } from 'commander'
import { type ShownRecord, type ShownSection, shownRecord } from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { kekText } from './kek-text.ts'
import { newestEpoch } from './newest-epoch.ts'
import { jsonLine, printable, printableLines } from './printable.ts'
import { orTampered } from './tampered.ts'

interface Options {
  readonly data: string
  readonly epoch?: number
  readonly kekFile?: string
  readonly json?: boolean
}

export function showCommand(context: CliContext): Command {
  return new Command('show')
    .description('open one record, and hold it against the log')
    .argument('<index>', 'the record, from 0', (text) =>
      parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1),
    )
    .addOption(dataOption())
    .addOption(epochOption())
    .option(
      '--kek-file <file>',
      'key-encryption key (default: $COUNTERSIGN_KEK, or as found in data/keys)',
    )
    .addOption(jsonOption())
    .action(async (index: number, options: Options) => {
      const { disk, terminal } = context
      const { data, kekFile, json } = options
      const newest = await newestEpoch(disk, data)
      const epoch = options.epoch ?? newest
      const isNewest = epoch === newest
      const kek = await kekText(context, kekFile)
      const key = kek === undefined ? {} : { kek }
      const record = await orTampered(shownRecord({ disk, data, epoch, isNewest, index, ...key }))
      terminal.out(json === true ? jsonLine(record) : describe(record, context))
    })
}

function describe(record: ShownRecord, { terminal }: CliContext): string {
  const { index, epoch, kind, leaf, checkpoint, sections } = record
  const proof =
    checkpoint === null
      ? terminal.style('yellow', 'no checkpoint covers it yet')
      : terminal.style('green', `in the tree of checkpoint ${checkpoint}`)
  const head = `${terminal.style('bold', `${kind} ${index}`)} of epoch ${epoch}, ${proof}`
  const blocks = sections.map((each) => block(each, terminal))
  const bodies = sections.some(namesBody) ? `${terminal.style('dim', bodyHint(record))}\n` : ''
  return `${head}\n  leaf ${leaf}, recomputed\n${blocks.join('')}${bodies}`
}

function namesBody({ section, value }: ShownSection): boolean {
  return (section === 'what' || section === 'how') && JSON.stringify(value).includes('"captured":')
}

function bodyHint({ index }: ShownRecord): string {
  return `A body of it was captured: countersign body ${index} --out FILE opens it.`
}

function block({ section, value, closed }: ShownSection, terminal: CliContext['terminal']): string {
  const name = terminal.style('bold', section)
  if (closed !== null) return `${name} ${terminal.style('dim', `closed: ${printable(closed)}`)}\n`
  const text = printableLines(JSON.stringify(value, null, 2)).replaceAll('\n', '\n  ')
  return `${name}\n  ${text}\n`
}

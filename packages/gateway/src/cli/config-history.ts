import type { TextPiece } from '@countersign/evidence'
import { Command } from 'commander'
import { type Change, changeHistory, type HistoryOptions, loadedBefore } from './change-history.ts'
import type { CliContext } from './command.ts'
import { CliError, dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { jsonLine, printableLines } from './printable.ts'
import { unifiedDiff } from './unified-diff.ts'

interface Options extends HistoryOptions {
  readonly show?: number
  readonly json?: boolean
}

export function historyCommand(context: CliContext): Command {
  return new Command('history')
    .description('list the changes of configuration and policies that the ledger tells of')
    .addOption(dataOption())
    .addOption(epochOption())
    .option('--kek-file <file>', 'key-encryption key (default: $COUNTERSIGN_KEK, or data/keys)')
    .option('--show <index>', 'one of them: what it changed, line by line', (text) =>
      parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1),
    )
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const changes = await changeHistory(context, options)
      const text =
        options.show === undefined
          ? list(changes, options.json === true)
          : show(changes, options.show, options.json === true)
      context.terminal.out(text)
    })
}

function list(changes: readonly Change[], isJson: boolean): string {
  if (isJson) return jsonLine({ changes: changes.map(withoutTexts) })
  if (changes.length === 0) return 'no change is on record\n'
  return printableLines(changes.map(describe).join(''))
}

/** Digests are cut for people; `--json` has them whole. */
function describe(change: Change): string {
  const { index, at, kind, act, by, from, who, before, sha256, problems } = change
  const asked = [by, from === null ? null : `from ${from}`, who === null ? null : `who ${who}`]
  const place = `${String(index).padStart(8)}  ${at.slice(0, 19)}Z`
  const head = `${place}  ${kind.padEnd(6)}  ${act.padEnd(7)}`
  const digests = `${before?.slice(0, 12) ?? '-'.repeat(12)} -> ${sha256.slice(0, 12)}`
  const told = problems.map((problem) => `          ${problem}\n`).join('')
  const cause = asked.filter((part) => part !== null).join(' ')
  return `${head}  ${digests}  ${cause}\n${told}`
}

function withoutTexts({ files, ...change }: Change): object {
  return { ...change, files: files.map(({ name }) => name) }
}

function show(changes: readonly Change[], index: number, isJson: boolean): string {
  const change = changes.find((each) => each.index === index)
  if (change === undefined) {
    throw new CliError(2, `record ${index} is no change; countersign config history lists them`)
  }
  const former = loadedBefore(changes, change.kind, index)
  const diff = change.act === 'refused' ? '' : diffOf(former?.files ?? [], change)
  if (isJson) return jsonLine({ ...change, diff })
  return printableLines(`${describe(change)}\n${diff}`)
}

function diffOf(before: readonly TextPiece[], { index, files }: Change): string {
  const names = [...new Set([...before, ...files].map(({ name }) => name))].toSorted()
  return names
    .map((name) => {
      const former = before.find((file) => file.name === name)?.text ?? ''
      const next = files.find((file) => file.name === name)?.text ?? ''
      const label = `${name}@${index}`
      return unifiedDiff({ label: name, text: former }, { label, text: next })
    })
    .join('')
}

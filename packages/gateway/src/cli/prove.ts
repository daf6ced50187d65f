import { Command } from 'commander'
import { writeFileDurably } from '../platform/index.ts'
import { provenEntry } from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { CliError, dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { newestEpoch } from './newest-epoch.ts'
import { jsonLine, printable, printableLines } from './printable.ts'
import { orTampered } from './tampered.ts'

interface Options {
  readonly data: string
  readonly epoch?: number
  readonly output?: string
  readonly json?: boolean
}

const EXAMPLE = `
The file is a c2sp.org/tlog-proof@v1. Whoever holds the
entry and trusts the log's key can check it without this
program, or with it:
  countersign verify --proof FILE --key VKEY --leaf HEX`

export function proveCommand(context: CliContext): Command {
  return new Command('prove')
    .description('write the proof that an entry is in the log')
    .argument('<index>', 'the entry, from 0', (text) =>
      parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1),
    )
    .addOption(dataOption())
    .addOption(epochOption())
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLE)
    .action((index: number, options: Options) => prove(context, index, options))
}

/** Escaped it would be no proof any more. */
function shown(proof: string): string {
  if (printableLines(proof) === proof) return proof
  throw new CliError(2, 'the proof holds characters that a terminal would obey: add --output FILE')
}

async function prove(context: CliContext, index: number, options: Options): Promise<void> {
  const { disk, terminal } = context
  const { data, output, json } = options
  const epoch = options.epoch ?? (await newestEpoch(disk, data))
  const proven = await orTampered(provenEntry({ disk, data, epoch, index }))
  const { entry, checkpoint, proof } = proven
  const leaf = Buffer.from(entry).toString('hex')
  if (output !== undefined) {
    await writeFileDurably(disk, output, new TextEncoder().encode(proof))
  }
  if (json === true) {
    const { origin, size } = checkpoint
    const facts = { epoch, index, origin, size, leaf, file: output ?? null, proof }
    terminal.out(jsonLine(facts))
  } else if (output === undefined) terminal.out(shown(proof))
  else {
    const what = `entry ${index}, checkpoint ${checkpoint.size}, leaf ${leaf}`
    terminal.out(`${printable(output)}: ${what}\n`)
  }
}

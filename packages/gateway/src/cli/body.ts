import { Command, Option } from 'commander'
import {
  type DiskFile,
  diskErrorCode,
  TEMPORARY_SUFFIX,
  writeFileDurably,
} from '../platform/index.ts'
import { type BodyDirection, type CapturedBody, capturedBody } from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { CliError, dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { kekText } from './kek-text.ts'
import { newestEpoch } from './newest-epoch.ts'
import { jsonLine, printable } from './printable.ts'
import { orTampered } from './tampered.ts'

interface Options {
  readonly data: string
  readonly epoch?: number
  readonly kekFile?: string
  readonly direction?: BodyDirection
  readonly out: string
  readonly disclosure?: string
  readonly json?: boolean
}

const EXAMPLE = `
A request body is named by the intent, or by the outcome
where it was long, or by the refusal; a response body by
the outcome: countersign show INDEX says so. What is
written was held against the record, and the record
against the log.

With --disclosure, and the proof that countersign prove
writes, somebody else can check it: the contentSha256 of
the record is
  SHA-256( "countersign/body/v1" 0x00 salt content )`

export function bodyCommand(context: CliContext): Command {
  return new Command('body')
    .description('open a captured body, and hold it against its record')
    .argument('<index>', 'the record that names it, from 0', (text) =>
      parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1),
    )
    .addOption(
      new Option('--direction <direction>', 'which of its bodies, where it names two').choices([
        'request',
        'response',
      ]),
    )
    .requiredOption('-o, --out <file>', 'where to write it; never an existing file')
    .option('--disclosure <file>', 'write what shows to others that the record names this body')
    .addOption(dataOption())
    .addOption(epochOption())
    .option(
      '--kek-file <file>',
      'key-encryption key (default: $COUNTERSIGN_KEK, or as found in data/keys)',
    )
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLE)
    .action((index: number, options: Options) => body(context, index, options))
}

async function body(context: CliContext, index: number, options: Options): Promise<void> {
  const { disk, terminal } = context
  const { data, direction, out, disclosure, json } = options
  const newest = await newestEpoch(disk, data)
  const epoch = options.epoch ?? newest
  const kek = await kekText(context, options.kekFile)
  const found = await written(context, out, (take) =>
    orTampered(
      capturedBody({
        disk,
        data,
        epoch,
        index,
        take,
        isNewest: epoch === newest,
        ...(direction === undefined ? {} : { direction }),
        ...(kek === undefined ? {} : { kek }),
      }),
    ),
  )
  if (disclosure !== undefined) {
    const { salt } = found.opened
    const shown = { v: 1, direction: found.direction, salt, disclosure: found.disclosure }
    await writeFileDurably(disk, disclosure, new TextEncoder().encode(`${JSON.stringify(shown)}\n`))
  }
  terminal.out(json === true ? jsonLine(factsOf(found, options)) : describe(found, out))
}

/** Under its name when all of it is good; nothing is left of what is not. */
async function written<Value>(
  { disk }: CliContext,
  path: string,
  read: (take: (content: Uint8Array) => Promise<void>) => Promise<Value>,
): Promise<Value> {
  if ((await disk.stat(path)) !== undefined) throw new CliError(2, `${path} is there already`)
  const temporary = path + TEMPORARY_SUFFIX
  let at = 0
  const file = await created(() => disk.open(temporary, { for: 'write', create: 'new' }), temporary)
  try {
    const value = await read(async (content) => {
      await file.write(at, content)
      at += content.length
    })
    await file.sync()
    await file.close()
    await disk.rename(temporary, path)
    return value
  } catch (cause) {
    await file.close()
    await disk.remove(temporary)
    throw cause
  }
}

async function created(open: () => Promise<DiskFile>, path: string): Promise<DiskFile> {
  try {
    return await open()
  } catch (cause) {
    const why = diskErrorCode(cause) === 'DISK_EXISTS' ? 'is there already' : 'cannot be written'
    throw new CliError(2, `${path} ${why}`, { cause })
  }
}

function factsOf(
  { epoch, index, checkpoint, direction, captured, opened }: CapturedBody,
  { out, disclosure }: Options,
): object {
  const files = { file: out, disclosure: disclosure ?? null }
  return { epoch, index, checkpoint, direction, ...files, captured, ...opened }
}

function describe({ index, direction, captured }: CapturedBody, out: string): string {
  const { contentBytes, type, coding, truncated, redactions = [] } = captured
  const facts = [
    `${direction} body of record ${index}`,
    `${contentBytes} bytes`,
    ...(type === undefined ? [] : [printable(type)]),
    ...(coding === undefined ? [] : [`still coded as ${printable(coding)}`]),
    ...(truncated === undefined ? [] : ['cut']),
    ...redactions.map(({ rule, count }) => `${printable(rule)} taken out ${count} times`),
  ]
  return `${printable(out)}: ${facts.join(', ')}\n`
}

import { join } from 'node:path'
import type { TextPiece } from '@countersign/evidence'
import { Command } from 'commander'
import { type AdminOptions, askAdmin } from './admin-client.ts'
import { changeHistory, loadedBefore } from './change-history.ts'
import type { CliContext } from './command.ts'
import { CliError, jsonOption } from './command.ts'
import { jsonLine, printableLines } from './printable.ts'
import { unifiedDiff } from './unified-diff.ts'

const FILE_BYTES_MAX = 1_048_576
const DEFAULT_FILE = './data/countersign.yaml'

interface Options extends Partial<AdminOptions> {
  readonly config: string
  readonly kekFile?: string
  readonly json?: boolean
}

/** Texts of a configuration and of its policies. */
interface Texts {
  readonly configuration: string
  readonly policies: readonly TextPiece[]
}

export function diffCommand(context: CliContext): Command {
  return new Command('diff')
    .description('compare configuration and policies with what is in force')
    .option('--config <file>', 'the configuration file', DEFAULT_FILE)
    .option('--admin <url>', 'ask the running gateway (default: read its ledger)')
    .option('--key-file <file>', 'file with an API key or token (default: $COUNTERSIGN_KEY)')
    .option('--kek-file <file>', 'key-encryption key (default: $COUNTERSIGN_KEK, or data/keys)')
    .addOption(jsonOption())
    .action((options: Options) => diff(context, options))
}

async function diff(context: CliContext, options: Options): Promise<void> {
  const { terminal } = context
  const { data, policies } = await context.services.readConfig(options.config)
  const { admin } = options
  const inForce =
    admin === undefined
      ? await fromLedger(context, { ...options, data })
      : await fromGateway(context, { ...options, admin })
  const files = { configuration: options.config, policies: policies.directory }
  const text = compare(inForce, await fromFiles(context, files), files)
  if (text !== '') context.finish(1)
  if (options.json === true) terminal.out(jsonLine({ equal: text === '', diff: text }))
  else terminal.out(printableLines(text || 'no difference\n'))
}

async function fromLedger(
  context: CliContext,
  options: { readonly data: string; readonly kekFile?: string },
): Promise<Texts> {
  const changes = await changeHistory(context, options)
  const configuration = loadedBefore(changes, 'config')?.files[0]?.text
  if (configuration === undefined) {
    throw new CliError(2, `the ledger in ${options.data} tells of no configuration`)
  }
  return { configuration, policies: loadedBefore(changes, 'policy')?.files ?? [] }
}

async function fromGateway(context: CliContext, options: AdminOptions): Promise<Texts> {
  const { status, body } = await askAdmin(context, options, { method: 'GET', path: '/api/config' })
  if (status !== 200) throw new CliError(2, `the gateway answered ${status}`)
  const { configuration, policies } = body as {
    readonly configuration: { readonly text: string }
    readonly policies: { readonly files: readonly TextPiece[] }
  }
  return { configuration: configuration.text, policies: policies.files }
}

async function fromFiles(
  { disk }: CliContext,
  { configuration, policies }: { readonly configuration: string; readonly policies: string },
): Promise<Texts> {
  const read = async (path: string): Promise<string> => {
    return new TextDecoder().decode(await disk.read(path, FILE_BYTES_MAX))
  }
  const names = (await disk.list(policies)).map(({ name }) => name).toSorted()
  const texts = names.filter(isPolicy).map(async (name) => {
    return { name, text: await read(join(policies, name)) }
  })
  return { configuration: await read(configuration), policies: await Promise.all(texts) }
}

function compare(
  inForce: Texts,
  files: Texts,
  places: { readonly configuration: string; readonly policies: string },
): string {
  const pairs: [string, string, string][] = [
    [places.configuration, inForce.configuration, files.configuration],
  ]
  const all = [...inForce.policies, ...files.policies].map(({ name }) => name).filter(isPolicy)
  for (const name of [...new Set(all)].toSorted()) {
    const [former = '', next = ''] = [inForce, files].map(
      ({ policies }) => policies.find((file) => file.name === name)?.text,
    )
    pairs.push([join(places.policies, name), former, next])
  }
  return pairs
    .map(([path, before, after]) => {
      return unifiedDiff({ label: `in force`, text: before }, { label: path, text: after })
    })
    .join('')
}

/** The schema that is on record beside the policies is the program's. */
function isPolicy(name: string): boolean {
  return name.endsWith('.cedar')
}

import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Lock, sqliteLock } from '../platform/index.ts'
import {
  type Finding,
  headline,
  Memory,
  memoryDirectory,
  POLICY_BYTES_MAX,
  type Report,
  SCOPES,
  type ScopeName,
  sentence,
  verifyDirectory,
  verifyProof,
  verifyUrl,
} from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { CliError, epochOption, jsonOption } from './command.ts'
import { kekText } from './kek-text.ts'
import { jsonLine, printable } from './printable.ts'

interface Options {
  readonly key: readonly string[]
  readonly policy?: string
  readonly kekFile?: string
  readonly lock?: string
  readonly require: readonly ScopeName[]
  readonly memory: boolean
  readonly epoch?: number
  readonly proof?: string
  readonly leaf?: string
  readonly receipt?: string
  readonly json?: boolean
}

const EXAMPLES = `
Trusts nothing but what is signed: not the running gateway,
not its index, no cache.

Exit codes:
  0  all that was in scope holds
  1  tampered
  2  not decidable with what was given

Examples:
  a data directory; with its keys, records too
    countersign verify data --key "$VKEY"
  a served log
    countersign verify http://localhost:9080/log/
  a receipt
    countersign verify --proof 41.tlog-proof \\
      --key "$VKEY" --receipt "$RECEIPT"`

export function verifyCommand(context: CliContext): Command {
  return new Command('verify')
    .description('audit a ledger as a stranger would: every entry, tile, block and record')
    .argument('[place]', 'data directory, log directory or address of a served log', './data')
    .addOption(
      new Option('--key <vkey>', 'verifier key of the log that you trust (repeatable)')
        .argParser(collect)
        .default([], 'the log’s own list'),
    )
    .option('--policy <file>', 'tlog-policy: the log, its witnesses and how many must have signed')
    .option(
      '--kek-file <file>',
      'key-encryption key (default: $COUNTERSIGN_KEK, or as found in data/keys)',
    )
    .option('--lock <file>', 'the gateway’s lock (default: state/lock.db in the data directory)')
    .addOption(
      new Option('--require <scopes>', `fail unless all of these were audited: ${SCOPES.join(',')}`)
        .argParser(parseScopes)
        .default([], 'none'),
    )
    .option('--no-memory', 'neither use nor keep what was seen of this log before')
    .addOption(epochOption())
    .option('--proof <file>', 'verify one tlog-proof instead of a ledger')
    .option('--leaf <leaf>', 'with --proof: the entry, in hexadecimal or base64')
    .option('--receipt <value>', 'with --proof: the Countersign-Receipt that came with the answer')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLES)
    .action(async (place: string, options: Options) => {
      const report = await audit(context, place, options)
      const { terminal } = context
      terminal.out(options.json === true ? jsonLine(report) : describe(report, context))
      context.finish(report.exit)
    })
}

async function audit(context: CliContext, place: string, options: Options): Promise<Report> {
  const { disk } = context
  const { key: keys, require, proof, leaf, receipt, epoch, kekFile, lock: lockFile } = options
  if (proof === undefined && (leaf !== undefined || receipt !== undefined)) {
    throw new CliError(2, '--leaf and --receipt go with --proof')
  }
  const policy = await policyText(context, options.policy)
  if (proof !== undefined) {
    return verifyProof({ disk, file: proof, keys, ...given({ policy, leaf, receipt }) })
  }
  const memory = options.memory ? memoryOf(context) : undefined
  const onProgress = progress(context)
  const common = { keys, require, onProgress, ...given({ policy, memory }) }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) {
    if (epoch !== undefined) throw new CliError(2, 'a served log is one epoch: no --epoch with it')
    if (lockFile !== undefined) throw new CliError(2, '--lock goes with a data directory')
    return verifyUrl({ ...common, url: place, fetch: context.fetch })
  }
  const kek = await kekText(context, kekFile)
  const lock = await openLock(context, place, lockFile)
  try {
    const more = given({ epoch, kek })
    return await verifyDirectory({ ...common, disk, directory: place, lock, ...more })
  } finally {
    await lock.close()
  }
}

/** It is read and never moved. One that was named must be there. */
async function openLock({ disk }: CliContext, place: string, file?: string): Promise<Lock> {
  if (file !== undefined && (await disk.stat(file)) === undefined) {
    throw new CliError(2, `there is no lock ${file}`)
  }
  return sqliteLock(file ?? join(place, 'state', 'lock.db'), { readOnly: true })
}

async function policyText(
  { disk }: CliContext,
  file: string | undefined,
): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return new TextDecoder().decode(await disk.read(file, POLICY_BYTES_MAX))
  } catch (cause) {
    throw new CliError(2, `cannot read the policy in ${file}`, { cause })
  }
}

/** An absent option is one that is not there. */
function given<Options extends object>(
  options: Options,
): { [Name in keyof Options]?: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]?: NonNullable<Options[Name]>
  }
}

function memoryOf({ disk, random, environment }: CliContext): Memory | undefined {
  const directory = memoryDirectory(environment)
  return directory === undefined ? undefined : new Memory(disk, directory, random)
}

const PROGRESS_EVERY_MS = 1_000

/** Says how far a long audit has come; a short one says nothing. */
function progress({ terminal, clock }: CliContext): (entries: number, size: number) => void {
  let next = clock.ticksMs() + PROGRESS_EVERY_MS
  return (entries, size) => {
    if (clock.ticksMs() < next) return
    next = clock.ticksMs() + PROGRESS_EVERY_MS
    const line = `verified ${entries} of ${size} entries`
    terminal.err(terminal.interactive ? `\r${line}` : `${line}\n`)
    if (terminal.interactive && entries === size) terminal.err('\n')
  }
}

const LINES_MAX = 20

function describe(report: Report, { terminal }: CliContext): string {
  const color = report.ok ? 'green' : 'red'
  const lines = [terminal.style(color, printable(headline(report)))]
  lines.push(...few(report.bad.map(detail), 'more'))
  const scope = SCOPES.filter((name) => report.scope[name])
  lines.push(`  scope: ${scope.length === 0 ? 'nothing' : scope.join(', ')}`)
  if (report.origin !== null) lines.push(`  origin: ${printable(report.origin)}`)
  if (!report.ok) lines.push(`  trust: ${report.anchor}`)
  lines.push(
    ...few(
      report.notChecked.map((each) => `not checked: ${sentence(each)}`),
      'not checked',
    ),
  )
  return `${lines.join('\n')}\n`
}

/** The headline says what; here it says in which file too. */
function detail(finding: Finding): string {
  const { index, file } = finding
  return index === null || file === null ? sentence(finding) : `${file}: ${sentence(finding)}`
}

function few(lines: readonly string[], rest: string): readonly string[] {
  const shown = lines.slice(0, LINES_MAX).map((line) => `  ${printable(line)}`)
  return lines.length > LINES_MAX ? [...shown, `  … ${lines.length - LINES_MAX} ${rest}`] : shown
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value]
}

function parseScopes(text: string): readonly ScopeName[] {
  return text.split(',').map((name) => {
    const scope = SCOPES.find((each) => each === name)
    if (scope === undefined) throw new InvalidArgumentError(`Expected some of ${SCOPES.join(',')}.`)
    return scope
  })
}

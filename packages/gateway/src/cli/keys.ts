import { dirname } from 'node:path'
import { Command, Option } from 'commander'
import {
  createKeyInFile,
  expireKey,
  KEYS_FILE_BYTES_MAX,
  type KeyFacts,
  parseKeysFile,
  readIfThere,
  revokeKey,
  rotateKey,
  writeWhole,
} from '../identity/index.ts'
import { type CliContext, CliError, jsonOption, parseWhole } from './command.ts'
import { jsonLine, printable } from './printable.ts'

const DAY_US = 86_400_000_000
const HOUR_US = 3_600_000_000
const DAYS_MAX = 36_500
const HOURS_MAX = 8784
const OVERLAP_HOURS = 24

interface Options {
  readonly config: string
  readonly principal: string
  readonly kind: 'user' | 'service'
  readonly group: readonly string[]
  readonly role: readonly string[]
  readonly scope: readonly string[]
  readonly label?: string
  readonly days?: number
  readonly json?: boolean
}

export function keysCommand(context: CliContext): Command {
  return new Command('keys')
    .description('API keys of the people and services behind the gateway')
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(rotateCommand(context))
    .addCommand(expireCommand(context))
    .addCommand(revokeCommand(context))
}

function createCommand(context: CliContext): Command {
  return new Command('create')
    .description('make an API key: shown once, kept only as a hash')
    .requiredOption('--principal <id>', 'whom the key stands for')
    .addOption(configOption())
    .addOption(
      new Option('--kind <kind>', 'what the principal is')
        .choices(['user', 'service'])
        .default('user'),
    )
    .addOption(listOption('--group <name>', 'a group of the principal'))
    .addOption(listOption('--role <name>', 'a role of the principal'))
    .addOption(listOption('--scope <word>', 'what the key may be used for'))
    .option('--label <text>', 'what you will know the key by')
    .option('--days <number>', 'days until it expires (default: never)', parseDays)
    .addOption(jsonOption())
    .action(async (options: Options) => create(context, options))
}

async function create(context: CliContext, options: Options): Promise<void> {
  const { identity } = await context.services.readConfig(options.config)
  const facts = keyFacts(options, context.clock.nowUs())
  await context.disk.makeDirectory(dirname(identity.keysFile))
  const { prefix, token } = await createKeyInFile(identity.keysFile, facts, context)
  const { terminal } = context
  if (options.json === true) {
    terminal.out(jsonLine({ ...facts, prefix, token, file: identity.keysFile }))
    return
  }
  terminal.out(`${token}\n`)
  const where = printable(`for ${options.principal} is in ${identity.keysFile}`)
  terminal.err(`Key ${prefix} ${where}, as a hash.
It is shown this once: hand it over now.
A running gateway takes it within seconds and records it.
`)
}

interface ListOptions {
  readonly config: string
  readonly json?: boolean
}

function listCommand(context: CliContext): Command {
  return new Command('list')
    .description('the keys of the keys file; none of them can be shown again')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: ListOptions) => list(context, options))
}

async function list(context: CliContext, { config, json }: ListOptions): Promise<void> {
  const { text } = await readKeys(context, config)
  const nowUs = context.clock.nowUs()
  const keys = [...parseKeysFile(text)].map(([prefix, { principal, credential, replaces }]) => {
    const { expiresAtUs } = credential
    return {
      prefix,
      principal: principal.id,
      kind: principal.kind,
      scopes: principal.scopes,
      label: credential.label,
      expires: expiresAtUs === undefined ? undefined : isoTime(expiresAtUs),
      isExpired: expiresAtUs !== undefined && expiresAtUs <= nowUs,
      replaces,
    }
  })
  if (json === true) return context.terminal.out(jsonLine({ keys }))
  for (const { prefix, principal, label = '', expires, isExpired } of keys) {
    const end = expires === undefined ? 'no end' : `${isExpired ? 'expired' : 'until'} ${expires}`
    const row = [prefix, principal, end, label].join('  ')
    context.terminal.out(`${printable(row.trimEnd())}\n`)
  }
}

interface RotateOptions extends ListOptions {
  readonly overlap: number
  readonly days?: number
}

function rotateCommand(context: CliContext): Command {
  return new Command('rotate')
    .description('make a key that takes over from another, which ends after an overlap')
    .argument('<prefix>', 'of the key that ends')
    .addOption(configOption())
    .option(
      '--overlap <hours>',
      'hours in which both are good',
      (text) => parseWhole(text, 0, HOURS_MAX),
      OVERLAP_HOURS,
    )
    .option('--days <number>', 'days until the new key expires (default: never)', parseDays)
    .addOption(jsonOption())
    .action(async (prefix: string, options: RotateOptions) => rotate(context, prefix, options))
}

async function rotate(context: CliContext, prefix: string, options: RotateOptions): Promise<void> {
  const { file, text } = await readKeys(context, options.config)
  const nowUs = context.clock.nowUs()
  const oldExpires = isoTime(nowUs + options.overlap * HOUR_US)
  const newExpires = options.days === undefined ? undefined : isoTime(nowUs + options.days * DAY_US)
  const made = rotateKey(text, prefix, { oldExpires, newExpires }, context)
  await writeWhole(context.disk, file, made.text)
  if (options.json === true) {
    const facts = { prefix: made.prefix, replaces: prefix, oldExpires, token: made.token, file }
    return context.terminal.out(jsonLine(facts))
  }
  context.terminal.out(`${made.token}\n`)
  context.terminal.err(`Key ${made.prefix} takes over from ${prefix}, which ends at ${oldExpires}.
It is shown this once: hand it over before then.
`)
}

interface ExpireOptions extends ListOptions {
  readonly hours: number
}

function expireCommand(context: CliContext): Command {
  return new Command('expire')
    .description('let a key end, now or later')
    .argument('<prefix>', 'of the key')
    .addOption(configOption())
    .option('--hours <number>', 'from now', (text) => parseWhole(text, 0, HOURS_MAX), 0)
    .action(async (prefix: string, { config, hours }: ExpireOptions) => {
      const { file, text } = await readKeys(context, config)
      const expires = isoTime(context.clock.nowUs() + hours * HOUR_US)
      await writeWhole(context.disk, file, expireKey(text, prefix, expires))
      context.terminal.err(`Key ${prefix} ends at ${expires}.\n`)
    })
}

function revokeCommand(context: CliContext): Command {
  return new Command('revoke')
    .description('take a key out of the keys file: it is not known from then on')
    .argument('<prefix>', 'of the key')
    .addOption(configOption())
    .action(async (prefix: string, { config }: ListOptions) => {
      const { file, text } = await readKeys(context, config)
      await writeWhole(context.disk, file, revokeKey(text, prefix))
      context.terminal.err(`Key ${prefix} is revoked; a running gateway knows within seconds.\n`)
    })
}

async function readKeys(
  { services, disk }: CliContext,
  config: string,
): Promise<{ readonly file: string; readonly text: string }> {
  const { identity } = await services.readConfig(config)
  const text = await readIfThere(disk, identity.keysFile, KEYS_FILE_BYTES_MAX)
  if (text === '')
    throw new CliError(2, `${identity.keysFile} has no keys: \`keys create\` makes one`)
  return { file: identity.keysFile, text }
}

function configOption(): Option {
  const text = 'configuration whose identity.keysFile is meant'
  return new Option('--config <file>', text).default('./data/countersign.yaml')
}

function parseDays(text: string): number {
  return parseWhole(text, 1, DAYS_MAX)
}

function keyFacts(
  { principal, kind, group, role, scope, label, days }: Options,
  nowUs: number,
): KeyFacts {
  return {
    principal,
    kind,
    groups: [...group],
    roles: [...role],
    scopes: [...scope],
    ...(label !== undefined && { label }),
    ...(days !== undefined && { expires: isoTime(nowUs + days * DAY_US) }),
  }
}

function isoTime(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString()
}

/** One that may come again. */
function listOption(flags: string, what: string): Option {
  return new Option(flags, `${what} (repeatable)`)
    .argParser((value: string, values: readonly string[]) => [...values, value])
    .default([], 'none')
}

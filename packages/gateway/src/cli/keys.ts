import { dirname } from 'node:path'
import { Command, Option } from 'commander'
import { createKeyInFile, type KeyFacts } from '../identity/index.ts'
import type { CliContext } from './command.ts'
import { jsonOption, parseWhole } from './command.ts'

const DAY_US = 86_400_000_000
const DAYS_MAX = 36_500

interface Options {
  readonly config: string
  readonly principal: string
  readonly kind: 'user' | 'service'
  readonly group: readonly string[]
  readonly role: readonly string[]
  readonly label?: string
  readonly days?: number
  readonly json?: boolean
}

export function keysCommand(context: CliContext): Command {
  return new Command('keys')
    .description('API keys of the people and services behind the gateway')
    .addCommand(createCommand(context))
}

function createCommand(context: CliContext): Command {
  return new Command('create')
    .description('make an API key: shown once, kept only as a hash')
    .requiredOption('--principal <id>', 'whom the key stands for')
    .addOption(
      new Option('--config <file>', 'configuration whose identity.keysFile it goes into').default(
        './data/countersign.yaml',
      ),
    )
    .addOption(
      new Option('--kind <kind>', 'what the principal is')
        .choices(['user', 'service'])
        .default('user'),
    )
    .option('--group <name>', 'a group of the principal (repeatable)', collect, [])
    .option('--role <name>', 'a role of the principal (repeatable)', collect, [])
    .option('--label <text>', 'what you will know the key by')
    .option('--days <number>', 'days until it expires (default: never)', (text) =>
      parseWhole(text, 1, DAYS_MAX),
    )
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
    terminal.out(`${JSON.stringify({ ...facts, prefix, token, file: identity.keysFile })}\n`)
    return
  }
  terminal.out(`${token}\n`)
  terminal.err(`Key ${prefix} for ${options.principal} is in ${identity.keysFile}, as a hash.
It is shown this once: hand it over now.
A running gateway takes it within seconds and records it.
`)
}

function keyFacts({ principal, kind, group, role, label, days }: Options, nowUs: number): KeyFacts {
  return {
    principal,
    kind,
    groups: [...group],
    roles: [...role],
    ...(label !== undefined && { label }),
    ...(days !== undefined && { expires: isoTime(nowUs + days * DAY_US) }),
  }
}

function isoTime(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString()
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value]
}

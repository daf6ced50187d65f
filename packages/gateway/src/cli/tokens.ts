import { Command, Option } from 'commander'
import {
  addRevocation,
  parseRevocations,
  REVOCATIONS_BYTES_MAX,
  readIfThere,
  writeWhole,
} from '../identity/index.ts'
import { type CliContext, CliError, jsonOption, parseWhole } from './command.ts'
import { jsonLine, printable } from './printable.ts'

const DAY_US = 86_400_000_000
const DAYS_MAX = 36_500

interface ListOptions {
  readonly config: string
  readonly json?: boolean
}

interface RevokeOptions extends ListOptions {
  readonly issuer?: string
  readonly jti?: string
  readonly subject?: string
  readonly days?: number
}

export function tokensCommand(context: CliContext): Command {
  return new Command('tokens')
    .description('access tokens that are not to be taken any more')
    .addCommand(revokeCommand(context))
    .addCommand(listCommand(context))
}

function revokeCommand(context: CliContext): Command {
  return new Command('revoke')
    .description('refuse one token, or all that somebody was issued until now')
    .addOption(configOption())
    .option('--issuer <name>', 'whose tokens (needed where there are several issuers)')
    .addOption(new Option('--jti <id>', 'the token of this id').conflicts('subject'))
    .option('--subject <sub>', 'all tokens of this subject that were issued until now')
    .option('--days <number>', 'forget it after so many days (default: never)', (text) =>
      parseWhole(text, 1, DAYS_MAX),
    )
    .addOption(jsonOption())
    .action(async (options: RevokeOptions) => revoke(context, options))
}

async function revoke(context: CliContext, options: RevokeOptions): Promise<void> {
  const { jti, subject, days } = options
  if (jti === undefined && subject === undefined) throw new CliError(2, 'say --jti or --subject')
  const { file, text, issuers } = await readRevocations(context, options.config)
  const issuer = issuerOf(issuers, options.issuer)
  const nowUs = context.clock.nowUs()
  const facts = {
    issuer,
    ...(jti === undefined ? {} : { jti }),
    ...(subject === undefined ? {} : { subject, before: isoTime(nowUs) }),
    ...(days === undefined ? {} : { until: isoTime(nowUs + days * DAY_US) }),
  }
  const made = addRevocation(text, facts, { random: context.random, nowUs })
  await writeWhole(context.disk, file, made.text)
  if (options.json === true) {
    return context.terminal.out(jsonLine({ id: made.id, ...facts, file }))
  }
  context.terminal.err(`Revocation ${made.id}: a running gateway goes by it within seconds.\n`)
}

function listCommand(context: CliContext): Command {
  return new Command('list')
    .description('the revocations that are kept')
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async ({ config, json }: ListOptions) => {
      const { text } = await readRevocations(context, config)
      const revoked = [...parseRevocations(text).entries.values()]
      if (json === true) return context.terminal.out(jsonLine({ revoked }))
      for (const { id, issuer, jti, subject, before, until } of revoked) {
        const what = jti === undefined ? `subject ${subject} before ${before}` : `jti ${jti}`
        const end = until === undefined ? '' : `  until ${until}`
        context.terminal.out(`${printable(`${id}  ${issuer}  ${what}${end}`)}\n`)
      }
    })
}

interface Found {
  readonly file: string
  readonly text: string
  readonly issuers: ReadonlyMap<string, string>
}

async function readRevocations({ services, disk }: CliContext, config: string): Promise<Found> {
  const { identity } = await services.readConfig(config)
  const { revocationsFile: file } = identity
  if (file === undefined) {
    throw new CliError(2, `${config} names no identity.revocationsFile: name a file there first`)
  }
  const issuers = new Map(identity.issuers.map(({ name, issuer }) => [name, issuer]))
  return { file, text: await readIfThere(disk, file, REVOCATIONS_BYTES_MAX), issuers }
}

function issuerOf(issuers: ReadonlyMap<string, string>, name: string | undefined): string {
  const known = [...issuers.keys()].join(', ')
  const [only] = issuers.values()
  const found = name === undefined && issuers.size === 1 ? only : issuers.get(name ?? '')
  if (found === undefined) throw new CliError(2, `say --issuer with one of: ${known}`)
  return found
}

function configOption(): Option {
  const text = 'configuration whose identity.revocationsFile is meant'
  return new Option('--config <file>', text).default('./data/countersign.yaml')
}

function isoTime(us: number): string {
  return new Date(Math.floor(us / 1000)).toISOString()
}

import { Argument, Command, Option } from 'commander'
import { type ActOptions, act, columns, nameOf, timeOf, withActOptions } from './admin-act.ts'
import { type CliContext, CliError } from './command.ts'
import { parseDuration } from './duration.ts'

const KINDS = [
  'principal',
  'credential',
  'token',
  'address',
  'route',
  'upstream',
  'gateway',
] as const
type Kind = (typeof KINDS)[number]

interface ContainOptions extends ActOptions {
  readonly reason?: string
  readonly for: number
  readonly issuer?: string
}

type Target = { readonly kind: Kind } & {
  readonly [name in 'id' | 'issuer' | 'prefix' | 'name']?: string
}

interface Measure {
  readonly id: string
  readonly target: Target
  readonly reason: string
  readonly by: { readonly issuer: string; readonly id: string } | { readonly detection: string }
  readonly until: string
  /** Of a route or upstream: whether there is one. */
  readonly known?: boolean
  readonly durable?: boolean
  readonly recorded?: boolean
}

const HOUR_MS = 3_600_000

export function containCommand(context: CliContext): Command {
  const command = new Command('contain')
    .description('put something under quarantine at once, and cut what it is at')
    .addArgument(new Argument('<kind>', 'what it is; gateway: read-only').choices(KINDS))
    .argument('[name]', 'principal, key prefix, jti or digest, 192.0.2.0/24, route, upstream')
    .option('--reason <text>', 'why; it is recorded')
    .addOption(
      new Option('--for <time>', 'how long, as 15m, 8h or 7d')
        .argParser(parseDuration)
        .default(HOUR_MS, '1h'),
    )
    .option('--issuer <issuer>', 'only the principal, credential or token of this issuer')
    .enablePositionalOptions()
    .action((kind: Kind, name: string | undefined, options: ContainOptions) => {
      // Not a required option: those of a command are asked of the commands below it too.
      if (options.reason === undefined) throw new CliError(2, 'why? --reason TEXT')
      return act<Measure>(context, options, {
        method: 'POST',
        path: '/api/containment',
        body: {
          target: targetOf(kind, name, options.issuer),
          reason: options.reason,
          forMs: options.for,
        },
        describe: contained,
      })
    })
  return withActOptions(command).addCommand(listCommand(context)).addCommand(liftCommand(context))
}

function listCommand(context: CliContext): Command {
  const command = new Command('list').description('what is under quarantine, and until when')
  return withActOptions(command).action((options: ActOptions) => {
    return act<{ readonly measures: readonly Measure[] }>(context, options, {
      method: 'GET',
      path: '/api/containment',
      describe: ({ measures }) => {
        if (measures.length === 0) return 'nothing is under quarantine'
        return columns(
          measures.map(({ id, target, until, by, reason }) => {
            const whose = 'detection' in by ? by.detection : nameOf(by)
            return [id, describeTarget(target), `until ${timeOf(until)}`, `by ${whose}`, reason]
          }),
        )
      },
    })
  })
}

function liftCommand(context: CliContext): Command {
  const command = new Command('lift')
    .description('let something pass again; on record before it takes effect')
    .argument('<id>', 'as contain and contain list say it')
    .requiredOption('--reason <text>', 'why; it is recorded')
  return withActOptions(command).action(
    (id: string, options: ActOptions & { readonly reason: string }) => {
      return act<{ readonly lifted: string }>(context, options, {
        method: 'DELETE',
        path: `/api/containment/${encodeURIComponent(id)}`,
        body: { reason: options.reason },
        describe: ({ lifted }) => `lifted ${lifted}`,
      })
    },
  )
}

function targetOf(kind: Kind, name: string | undefined, issuer: string | undefined): Target {
  if (kind === 'gateway') {
    if (name === undefined) return { kind }
    throw new CliError(2, 'gateway takes no name: it is this one')
  }
  if (name === undefined) throw new CliError(2, `which ${kind}?`)
  if (kind === 'address') return { kind, prefix: name }
  if (kind === 'route' || kind === 'upstream') return { kind, name }
  return { kind, id: name, ...(issuer === undefined ? {} : { issuer }) }
}

function contained({ id, target, until, known, durable, recorded }: Measure): string {
  const lines = [`${id}  ${describeTarget(target)} until ${timeOf(until)}, in force`]
  if (known === false) lines.push(`  no ${target.kind} has this name now: nothing was cut`)
  if (durable === false) lines.push('  not on the disk yet: a restart now would forget it')
  if (recorded === false)
    lines.push('  not on record yet: it will be when the ledger can be written')
  return lines.join('\n')
}

function describeTarget({ kind, id, issuer, prefix, name }: Target): string {
  const what = id ?? prefix ?? name
  if (what === undefined) return 'gateway read-only'
  return issuer === undefined ? `${kind} ${what}` : `${kind} ${what} of ${issuer}`
}

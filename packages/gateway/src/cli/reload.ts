import { Command } from 'commander'
import { type AdminOptions, askAdmin, withAdminOptions } from './admin-client.ts'
import { type CliContext, CliError, jsonOption } from './command.ts'
import { jsonLine, printableLines } from './printable.ts'

export function reloadCommand(context: CliContext): Command {
  const command = new Command('reload').description(
    'let a running gateway go by its files as they are now',
  )
  return withAdminOptions(command)
    .addOption(jsonOption())
    .action((options: AdminOptions & { readonly json?: boolean }) => reload(context, options))
}

interface Problem {
  readonly file: string
  readonly line?: number
  readonly column?: number
  readonly path?: string
  readonly message: string
  readonly hint?: string
}

interface Told {
  readonly result?: string
  readonly configuration?: string
  readonly policies?: string
  readonly title?: string
  readonly problems?: readonly Problem[]
}

async function reload(
  context: CliContext,
  options: AdminOptions & { readonly json?: boolean },
): Promise<void> {
  const { terminal } = context
  const answer = await askAdmin(context, options, { method: 'POST', path: '/api/reload' })
  const told = answer.body as Told
  const isRefused = answer.status === 422
  if (answer.status !== 200 && !isRefused) throw new CliError(2, told.title ?? 'it failed')
  if (isRefused) context.finish(1)
  if (options.json === true) terminal.out(jsonLine(told))
  else if (isRefused) terminal.err(`${refusal(told)}\n`)
  else terminal.out(`${success(told)}\n`)
}

function success({ result, configuration, policies }: Told): string {
  const lines = [result, `  configuration ${configuration}`, `  policies      ${policies}`]
  return printableLines(lines.join('\n'))
}

function refusal({ title, problems = [] }: Told): string {
  const lines = problems.map(({ file, line, column, path, message, hint }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(':')
    const said = path === undefined || path === '' ? message : `${path}: ${message}`
    return `  ${place}: ${said}${hint === undefined ? '' : ` (${hint})`}`
  })
  return printableLines([`${title}:`, ...lines].join('\n'))
}

import type { Command } from 'commander'
import { type AdminOptions, askAdmin, withAdminOptions } from './admin-client.ts'
import { type CliContext, CliError, jsonOption } from './command.ts'
import { jsonLine, printable, printableLines } from './printable.ts'

export interface ActOptions extends AdminOptions {
  readonly json?: boolean
}

/** What is asked of the control plane, and what is said of its answer. */
export interface AdminAct<T> {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly describe: (answer: T) => string
}

interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly problems?: readonly { readonly path: string; readonly message: string }[]
}

/** The options of every command that acts through the control plane. */
export function withActOptions(command: Command): Command {
  return withAdminOptions(command).addOption(jsonOption())
}

/** Does it, and prints what came of it; what was refused is an error with the reason. */
export async function act<T>(
  context: CliContext,
  options: ActOptions,
  { describe, ...asked }: AdminAct<T>,
): Promise<void> {
  const { status, body } = await askAdmin(context, options, asked)
  if (status >= 400) throw new CliError(2, refusal(body as Problem))
  const isJson = options.json === true
  context.terminal.out(isJson ? jsonLine(body) : `${printableLines(describe(body as T))}\n`)
}

function refusal({ title = 'it was refused', detail, problems = [] }: Problem): string {
  const lines = problems.map(({ path, message }) => `\n  ${printable(`${path}: ${message}`)}`)
  return `${[title, detail].filter((part) => part !== undefined).join('. ')}${lines.join('')}`
}

/** Rows under each other, their first columns as wide as they have to be. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** As `ada`, or where another than the keys file says so, `ada of https://login.example`. */
export function nameOf({ issuer, id }: { readonly issuer: string; readonly id: string }): string {
  return issuer === 'keys' ? id : `${id} of ${issuer}`
}

/** To the second: nobody reads microseconds. */
export function timeOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)}Z`
}

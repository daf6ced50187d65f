import { Command } from 'commander'
import type { Config } from '../config/index.ts'
import type { CliContext } from './command.ts'
import { CliError, jsonOption } from './command.ts'
import { diffCommand } from './config-diff.ts'
import { historyCommand } from './config-history.ts'
import { jsonLine, printable, printableLines } from './printable.ts'

// The configuration knows every room, down to the policy engine: it is loaded when it is asked for.
const configRoom = (): Promise<typeof import('../config/index.ts')> => import('../config/index.ts')

export function configCommand(context: CliContext): Command {
  return new Command('config')
    .description('check a configuration file, compare it, or tell how it has changed')
    .addCommand(checkCommand(context))
    .addCommand(schemaCommand(context))
    .addCommand(diffCommand(context))
    .addCommand(historyCommand(context))
}

interface CheckOptions {
  readonly config?: string
  readonly json?: boolean
}

const CHECK_HELP = `
Reads this one file. What it names, files, certificates and
hosts, is looked at by: countersign doctor FILE`

function checkCommand(context: CliContext): Command {
  return new Command('check')
    .description('read a configuration file and list everything that is wrong with it')
    .argument('[file]', 'the configuration file')
    .option('--config <file>', 'the same, as start takes it')
    .addOption(jsonOption())
    .addHelpText('after', CHECK_HELP)
    .action(async (argument: string | undefined, { config, json }: CheckOptions) => {
      const file = argument ?? config
      if (file === undefined) throw new CliError(2, 'which file? countersign config check FILE')
      await check(context, file, json === true)
    })
}

async function check(context: CliContext, file: string, json: boolean): Promise<void> {
  const { terminal } = context
  const { ConfigError } = await configRoom()
  try {
    const config = await context.services.readConfig(file)
    const counts = `listeners: ${config.listeners.length}, routes: ${config.routes.length}`
    const warnings = warningsOf(config)
    const told = warnings.length === 0 ? {} : { warnings }
    terminal.out(json ? jsonLine({ ok: true, problems: [], ...told }) : `ok: ${counts}\n`)
    if (!json) for (const warning of warnings) terminal.err(`warning: ${printable(warning)}\n`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    if (json) terminal.out(jsonLine({ ok: false, problems }))
    else terminal.err(`${printableLines(error.message)}\n`)
    context.finish(1)
  }
}

/** What is right, and should be meant. */
function warningsOf({ routes, limits }: Config): readonly string[] {
  const relaxed = routes.filter(({ record }) => record === 'relaxed').map(({ name }) => name)
  if (relaxed.length === 0) return []
  const { relaxedRecordsMax, relaxedWindowMs } = limits
  const bound = `${relaxedRecordsMax} records of the last ${relaxedWindowMs} ms`
  return [
    `routes ${relaxed.join(', ')} are relaxed: they are answered before their records are ` +
      `durable, and a crash may take ${bound}`,
  ]
}

function schemaCommand(context: CliContext): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(async () => {
      const { configJsonSchema } = await configRoom()
      context.terminal.out(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`)
    })
}

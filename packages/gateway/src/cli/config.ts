import { Command } from 'commander'
import type { CliContext } from './command.ts'
import { CliError, jsonOption } from './command.ts'
import { diffCommand } from './config-diff.ts'
import { historyCommand } from './config-history.ts'

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

function checkCommand(context: CliContext): Command {
  return new Command('check')
    .description('read a configuration file and list everything that is wrong with it')
    .argument('[file]', 'the configuration file')
    .option('--config <file>', 'the same, as start takes it')
    .addOption(jsonOption())
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
    const { listeners, routes } = await context.services.readConfig(file)
    const counts = `listeners: ${listeners.length}, routes: ${routes.length}`
    terminal.out(json ? `${JSON.stringify({ ok: true, problems: [] })}\n` : `ok: ${counts}\n`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    if (json) terminal.out(`${JSON.stringify({ ok: false, problems })}\n`)
    else terminal.err(`${error.message}\n`)
    context.finish(1)
  }
}

function schemaCommand(context: CliContext): Command {
  return new Command('schema')
    .description('print the JSON Schema of the configuration file, for editors')
    .action(async () => {
      const { configJsonSchema } = await configRoom()
      context.terminal.out(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`)
    })
}

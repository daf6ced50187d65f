import { Command } from 'commander'
import type { CliContext } from './command.ts'
import { jsonOption } from './command.ts'

export function startCommand(context: CliContext): Command {
  return new Command('start')
    .description('run the gateway that a configuration file describes')
    .requiredOption('--config <file>', 'the configuration (see: countersign config schema)')
    .addOption(jsonOption())
    .action(async (options: { config: string; json?: boolean }) => {
      const { terminal } = context
      const json = options.json === true
      await context.services.start({ configPath: options.config, terminal, json })
    })
}

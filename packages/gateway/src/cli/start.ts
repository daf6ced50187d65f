import { Command, Option } from 'commander'
import type { CliContext } from './command.ts'
import { jsonOption, parseWhole } from './command.ts'

const WAIT_SECONDS_MAX = 86_400

export function startCommand(context: CliContext): Command {
  return new Command('start')
    .description('run the gateway that a configuration file describes')
    .requiredOption('--config <file>', 'the configuration (see: countersign config schema)')
    .addOption(
      new Option('--wait <seconds>', 'wait so long for a data directory that another gateway has')
        .default(0)
        .argParser((text) => parseWhole(text, 0, WAIT_SECONDS_MAX)),
    )
    .addOption(jsonOption())
    .action(async (options: { config: string; json?: boolean; wait: number }) => {
      const { terminal } = context
      const json = options.json === true
      await context.services.start({
        configPath: options.config,
        terminal,
        json,
        waitMs: options.wait * 1000,
      })
    })
}

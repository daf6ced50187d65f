import { Command } from 'commander'
import { type CliContext, CliError, jsonOption } from './command.ts'

export function superviseCommand(context: CliContext): Command {
  return new Command('supervise')
    .description('hold the sockets of a gateway that runs in a process of its own')
    .requiredOption('--config <file>', 'the configuration (see: countersign config schema)')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
SIGUSR2 puts another gateway in the place of the one that
runs, and refuses nobody; one that crashes is started again.
SIGHUP and SIGTERM are passed on.`,
    )
    .action(async ({ config, json = false }: { config: string; json?: boolean }) => {
      const { terminal, services } = context
      const code = await services.supervise({ configPath: config, terminal, json })
      if (code !== 0) throw new CliError(2, `the gateway ended with ${code}`)
    })
}

import { Command } from 'commander'
import type { CliContext } from './command.ts'
import { dataOption, jsonOption, portOption } from './command.ts'
import { tamperCommand } from './demo-tamper.ts'

interface Options {
  readonly data: string
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
  readonly json?: boolean
}

export function demoCommand(context: CliContext): Command {
  return new Command('demo')
    .description('run a gateway, a demo API and two identities: what npm start does')
    .enablePositionalOptions()
    .addOption(dataOption())
    .addOption(portOption('--port <number>', 'port of the gateway', 8080))
    .addOption(portOption('--admin-port <number>', 'port of the console and the log', 9080))
    .addOption(portOption('--upstream-port <number>', 'port of the demo API', 9081))
    .addOption(jsonOption())
    .addCommand(tamperCommand(context))
    .action(async ({ json, ...options }: Options) => {
      await context.services.demo({
        ...options,
        terminal: context.terminal,
        json: json === true,
      })
    })
}

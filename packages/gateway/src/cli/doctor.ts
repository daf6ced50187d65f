import { Command } from 'commander'
import type { CliContext, Finding, TextStyle } from './command.ts'
import { CliError, jsonOption } from './command.ts'
import { jsonLine, printableLines } from './printable.ts'

export function doctorCommand(context: CliContext): Command {
  return new Command('doctor')
    .description(
      'check what a configuration needs: files, certificates, clock, disk, permissions, upstreams',
    )
    .argument('[file]', 'the configuration file')
    .option('--config <file>', 'the same, as start takes it')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nConnects to upstreams and asks nothing of them; writes a\n' +
        'scratch file to the data directory and takes it away.\n' +
        'Exit 1 where something would keep the gateway from serving.',
    )
    .action(async (argument: string | undefined, options: DoctorOptions) => {
      const file = argument ?? options.config
      if (file === undefined) throw new CliError(2, 'which file? countersign doctor FILE')
      await examine(context, file, options.json === true)
    })
}

interface DoctorOptions {
  readonly config?: string
  readonly json?: boolean
}

const STYLES: Readonly<Record<Finding['state'], TextStyle>> = {
  ok: 'green',
  warning: 'yellow',
  failure: 'red',
}

async function examine(context: CliContext, file: string, json: boolean): Promise<void> {
  const { terminal, services } = context
  const findings: Finding[] = []
  for await (const finding of services.examine(file)) {
    findings.push(finding)
    if (!json) terminal.out(`${line(context, finding)}\n`)
  }
  const count = (state: Finding['state']): number =>
    findings.filter((finding) => finding.state === state).length
  const isSound = count('failure') === 0
  if (json) terminal.out(jsonLine({ ok: isSound, findings }))
  else
    terminal.out(`\n${count('ok')} ok, ${count('warning')} to look at, ${count('failure')} wrong\n`)
  if (!isSound) context.finish(1)
}

function line({ terminal }: CliContext, { topic, subject, state, says, advice }: Finding): string {
  const mark = terminal.style(STYLES[state], state.padEnd(7))
  const about = subject === '' ? topic : `${topic}, ${subject}`
  const told = `${about}: ${says}${advice === undefined ? '' : `\n         → ${advice}`}`
  return `${mark}  ${printableLines(told)}`
}

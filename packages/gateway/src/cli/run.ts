import { Command, CommanderError } from 'commander'
import { LedgerError } from '../ledger/index.ts'
import { approvalsCommand } from './approvals.ts'
import { bodyCommand } from './body.ts'
import { breakGlassCommand } from './break-glass.ts'
import type { CliContext, Exit, MakeCommand } from './command.ts'
import { CliError } from './command.ts'
import { configCommand } from './config.ts'
import { containCommand } from './contain.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { drillCommand } from './drill.ts'
import { keysCommand } from './keys.ts'
import { policyCommand } from './policy.ts'
import { printableLines } from './printable.ts'
import { proveCommand } from './prove.ts'
import { reloadCommand } from './reload.ts'
import { showCommand } from './show.ts'
import { startCommand } from './start.ts'
import { superviseCommand } from './supervise.ts'
import { tokensCommand } from './tokens.ts'
import { upstreamsCommand } from './upstreams.ts'
import { verifyCommand } from './verify.ts'

export const VERSION = '0.1.0'

const COMMANDS: readonly MakeCommand[] = [
  demoCommand,
  startCommand,
  superviseCommand,
  verifyCommand,
  showCommand,
  bodyCommand,
  proveCommand,
  keysCommand,
  policyCommand,
  tokensCommand,
  configCommand,
  doctorCommand,
  drillCommand,
  reloadCommand,
  upstreamsCommand,
  containCommand,
  approvalsCommand,
  breakGlassCommand,
]

/** Descriptions are folded in a narrow terminal too. */
const DESCRIPTION_COLUMNS_MIN = 20

const AFTER_HELP = `
Exit codes: 0 done, or it holds; 1 checked, and it does
not hold (tampered, invalid); 2 could not be done or
decided (bad usage, something missing).

Try it: countersign demo`

/** Runs one command line and says how it ended. Throws only what is a bug of ours. */
export async function runCli(
  args: readonly string[],
  machine: Omit<CliContext, 'finish'>,
): Promise<Exit> {
  let exit: Exit = 0
  const finish = (value: Exit): void => {
    exit = value
  }
  const context: CliContext = { ...machine, finish }
  try {
    await program(context).parseAsync([...args], { from: 'user' })
    return exit
  } catch (error) {
    return explain(error, context)
  }
}

function program(context: CliContext): Command {
  const root = new Command('countersign')
    .description('An access proxy that serves no request it has not written down.')
    .version(VERSION)
    .enablePositionalOptions()
    .showHelpAfterError('Add --help to see what is possible.')
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
    .configureHelp({ minWidthToWrap: DESCRIPTION_COLUMNS_MIN })
    .configureOutput({
      writeOut: (text) => context.terminal.out(text),
      writeErr: (text) => context.terminal.err(text),
      getOutHelpWidth: () => context.terminal.columns,
      getErrHelpWidth: () => context.terminal.columns,
    })
  for (const make of COMMANDS) root.addCommand(make(context))
  inherit(root)
  return root
}

/** Commands that were made apart do not take their parent's settings by themselves. */
function inherit(parent: Command): void {
  for (const child of parent.commands) {
    child.copyInheritedSettings(parent)
    inherit(child)
  }
}

function explain(error: unknown, { terminal }: CliContext): Exit {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const code = ledgerCodeOf(error)
  const said = messageOf(error) + (code === undefined ? '' : ` (${code})`)
  terminal.err(`countersign: ${printableLines(said)}\n`)
  if (code === 'LEDGER_DAMAGED') terminal.err('countersign verify names the damage\n')
  return error instanceof CliError ? error.exit : 2
}

/** By it docs/operating.md says what to do. */
function ledgerCodeOf(error: unknown): string | undefined {
  if (error instanceof LedgerError) return error.code
  return error instanceof Error ? ledgerCodeOf(error.cause) : undefined
}

/** What happened, and what made it happen, unless that was said already. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause === undefined) return error.message
  const cause = messageOf(error.cause)
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`
}

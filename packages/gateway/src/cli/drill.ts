import { Command } from 'commander'
import type { CliContext, DrillEvent, DrillRoute } from './command.ts'
import { CliError, jsonOption, parseWhole } from './command.ts'
import { jsonLine, printable } from './printable.ts'

const PATIENCE_SECONDS = 15
const SLOW_MS = 200

const HELP = `
Starts a gateway of its own in a temporary directory, with
the routes, limits, timeouts and retries of FILE, and makes
things go wrong for it: a slow, a full and a failing disk,
upstreams that are gone or hang, a clock that is set.
For each route it prints what a caller would get.

FILE is only read. Nothing of its data, keys, secrets,
upstreams or ports is touched: a stand-in on this machine
answers for every upstream, one caller may do everything,
and TLS, quotas and field rules are left out.

RECORDED says what the ledger would have of it:
  yes        a record, with a receipt
  counted    one of many in a record that is durable first
  no         none; how many there were follows in a record
  soon       acknowledged from memory (record: relaxed)
  open       no answer came: its record has no end yet
BACK says how long after the fault the route served again.

Takes about a minute; --patience bounds how long it waits
for an answer, and for a route to come back.

Exit codes: 0 every route came back, and the ledger
verifies; 1 one did not, or it does not; 2 the drill could
not be run.`

export function drillCommand(context: CliContext): Command {
  return new Command('drill')
    .description('make disks, upstreams and clocks fail for a scratch copy; show what routes do')
    .argument('[file]', 'the configuration file')
    .option('--config <file>', 'the same, as start takes it')
    .option('--patience <seconds>', 'how long to wait', seconds, PATIENCE_SECONDS)
    .option('--slow <ms>', 'what a slow disk takes longer', milliseconds, SLOW_MS)
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(async (argument: string | undefined, options: DrillFlags) => {
      const file = argument ?? options.config
      if (file === undefined) throw new CliError(2, 'which file? countersign drill FILE')
      await run(context, file, options)
    })
}

interface DrillFlags {
  readonly config?: string
  readonly patience: number
  readonly slow: number
  readonly json?: boolean
}

function seconds(text: string): number {
  return parseWhole(text, 1, 3600)
}

function milliseconds(text: string): number {
  return parseWhole(text, 1, 60_000)
}

interface Played {
  readonly scenario: string
  readonly says: string
  readonly routes: readonly DrillRoute[]
}

async function run(context: CliContext, file: string, flags: DrillFlags): Promise<void> {
  const { terminal, services } = context
  const { patience, slow: slowMs, json = false } = flags
  const played: Played[] = []
  let verified: { readonly ok: boolean; readonly entries: number } | undefined
  let begun = { scenario: '', says: '' }
  const options = { configPath: file, patienceMs: patience * 1000, slowMs }
  for await (const event of services.drill(options)) {
    if (event.kind === 'begins') {
      begun = event
      if (terminal.interactive) terminal.err(`${printable(event.says)} …\n`)
    } else if (event.kind === 'ended') {
      played.push({ ...begun, routes: event.routes })
      if (!json) terminal.out(table(context, begun.says, event))
    } else verified = { ok: event.ok, entries: event.entries }
  }
  const isBack = played.every(({ routes }) => routes.every(({ backMs }) => backMs !== undefined))
  const ok = isBack && verified?.ok === true
  const drilled = played.map(({ scenario, says, routes }) => ({ scenario, says, routes }))
  if (json) terminal.out(jsonLine({ ok, scenarios: drilled, verified }))
  else terminal.out(`${ending(verified, isBack)}\n`)
  if (!ok) context.finish(1)
}

function ending(
  verified: { readonly ok: boolean; readonly entries: number } | undefined,
  isBack: boolean,
): string {
  const entries = verified?.entries ?? 0
  const ledger = verified?.ok === true ? 'verifies' : 'does NOT verify'
  const back = isBack ? 'every route came back' : 'a route did NOT come back in time'
  return `${back}; the ledger of the drill, ${entries} entries, ${ledger}`
}

const ROUTE_COLUMNS_MAX = 22
const ANSWER_COLUMNS = 25

type Row = readonly [route: string, answer: string, took: string, recorded: string, back: string]

function table(
  { terminal }: CliContext,
  says: string,
  { routes }: Extract<DrillEvent, { kind: 'ended' }>,
): string {
  const names = routes.map(({ route }) => printable(route))
  const width = Math.min(ROUTE_COLUMNS_MAX, Math.max(5, ...names.map(({ length }) => length)))
  const row = (...[route, answer, took, recorded, back]: Row): string => {
    const what = `${fit(route, width)}  ${fit(answer, ANSWER_COLUMNS)} ${took.padStart(8)}`
    return `  ${what}  ${recorded.padEnd(8)} ${back.padStart(8)}`
  }
  const head = terminal.style('dim', row('ROUTE', 'ANSWER', 'TOOK', 'RECORDED', 'BACK'))
  const lines = routes.map(({ status, reason, recorded, tookMs, backMs }, nth) => {
    const said = status === undefined ? 'none yet' : `${status} ${reason ?? ''}`.trimEnd()
    const back = backMs === undefined ? 'NOT' : backMs === 0 ? '-' : span(backMs)
    return row(names[nth] ?? '', printable(said), span(tookMs), RECORDED[recorded], back)
  })
  return `${terminal.style('bold', printable(says))}\n${[head, ...lines].join('\n')}\n\n`
}

const RECORDED: Readonly<Record<DrillRoute['recorded'], string>> = {
  whole: 'yes',
  counted: 'counted',
  no: 'no',
  later: 'soon',
  open: 'open',
}

function span(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`
}

import { Command, InvalidArgumentError } from 'commander'
import type { PolicySet } from '../policy/index.ts'
import type { CliContext } from './command.ts'
import { dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { type Decided, decidedRecords } from './decided-records.ts'
import { ledgerOf } from './policy-explain.ts'
import { policyRoom } from './policy-room.ts'
import { jsonLine, printableLines } from './printable.ts'
import { readable } from './readable.ts'
import { orTampered } from './tampered.ts'

/** An index of the ledger, or a time. */
type Bound = { readonly index: number } | { readonly timeMs: number }

interface Options {
  readonly data: string
  readonly epoch?: number
  readonly kekFile?: string
  readonly from?: Bound
  readonly to?: Bound
  readonly with: string
  readonly json?: boolean
}

/** A decision that other policies would make otherwise. */
interface Change {
  readonly index: number
  readonly at: string
  readonly principal: string
  readonly method: string
  readonly path: string
  readonly recorded: string
  readonly now: string
  readonly policies: readonly string[]
}

export function policyReplayCommand(context: CliContext): Command {
  return new Command('replay')
    .description('say which recorded decisions other policies would have made otherwise')
    .requiredOption('--with <dir>', 'directory of the other *.cedar files')
    .option('--from <bound>', 'first record: its index, or a time (default: the first)', parseBound)
    .option('--to <bound>', 'last record: its index, or a time (default: the last)', parseBound)
    .addOption(dataOption())
    .addOption(epochOption())
    .option('--kek-file <file>', 'key-encryption key (default: as for show)')
    .addOption(jsonOption())
    .action((options: Options) => orTampered(replay(context, options)))
}

function parseBound(text: string): Bound {
  if (/^\d+$/.test(text)) return { index: parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1) }
  const timeMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return { timeMs }
  throw new InvalidArgumentError('Expected an index, or a time such as 2026-11-21T08:00:00Z.')
}

async function replay(context: CliContext, options: Options): Promise<void> {
  const { terminal, services } = context
  const { PolicySet } = await policyRoom()
  const set = PolicySet.compile(await readable(options.with, services.readPolicies(options.with)))
  const counts = { decisions: 0, changed: 0, unknown: 0 }
  const changes: Change[] = []
  for await (const decided of decidedBetween(context, options)) {
    counts.decisions += 1
    const change = await changeOf(decided, set)
    if (change === 'unknown') counts.unknown += 1
    if (typeof change !== 'object') continue
    counts.changed += 1
    changes.push(change)
  }
  if (options.json === true) {
    const facts = { policySetSha256: set.digest, ...counts, changes }
    terminal.out(jsonLine(facts))
    return
  }
  const { decisions, changed, unknown } = counts
  const sum = `${changed} of ${decisions} decisions would change, ${unknown} cannot be made again\n`
  terminal.out(printableLines(changes.map(describe).join('') + sum))
}

async function* decidedBetween(context: CliContext, options: Options): AsyncGenerator<Decided> {
  const { from, to } = options
  const ledger = await ledgerOf(context, options)
  const range = {
    ...(from !== undefined && 'index' in from ? { from: from.index } : {}),
    ...(to !== undefined && 'index' in to ? { to: to.index + 1 } : {}),
  }
  for await (const decided of decidedRecords({ ...ledger, ...range })) {
    const atMs = Date.parse(decided.at)
    if (from !== undefined && 'timeMs' in from && atMs < from.timeMs) continue
    if (to !== undefined && 'timeMs' in to && atMs > to.timeMs) continue
    yield decided
  }
}

/** A change is another verdict or another reason; other policies for the same are none. */
async function changeOf(
  { index, at, record }: Decided,
  set: PolicySet,
): Promise<Change | 'same' | 'unknown'> {
  const { redecide } = await policyRoom()
  const again = record === undefined ? undefined : redecide(record, set)
  if (record === undefined || again === undefined) return 'unknown'
  const { recorded, decision } = again
  if (recorded.reason === decision.reason) return 'same'
  const { method = '', path = '' } = record.what
  return {
    index,
    at,
    principal: record.who.principal.id,
    method,
    path,
    recorded: recorded.reason,
    now: decision.reason,
    policies: decision.policies,
  }
}

function describe({ index, principal, method, path, recorded, now, policies }: Change): string {
  const by = policies.length === 0 ? '' : ` (${policies.join(', ')})`
  return `${index}  ${principal} ${method} ${path}: ${recorded} -> ${now}${by}\n`
}

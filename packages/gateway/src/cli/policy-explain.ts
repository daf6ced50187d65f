import type { When, Why } from '@countersign/evidence'
import { Command } from 'commander'
import type { Redecided } from '../policy/index.ts'
import { type ShownRecord, shownRecord } from '../verify/index.ts'
import type { CliContext } from './command.ts'
import { CliError, dataOption, epochOption, jsonOption, parseWhole } from './command.ts'
import { type Decided, decidedOf, decidedRecords, RecordedSets } from './decided-records.ts'
import { kekText } from './kek-text.ts'
import { newestEpoch } from './newest-epoch.ts'
import { policyRoom } from './policy-room.ts'
import { jsonLine, printable, printableLines } from './printable.ts'
import { orTampered } from './tampered.ts'

interface Options {
  readonly data: string
  readonly epoch?: number
  readonly kekFile?: string
  readonly all?: boolean
  readonly json?: boolean
}

type Ledger = Parameters<typeof RecordedSets.read>[0]

export function policyExplainCommand(context: CliContext): Command {
  return new Command('explain')
    .description('make a recorded decision again, from the ledger alone')
    .argument('[index]', 'the record of the request', (text) =>
      parseWhole(text, 0, Number.MAX_SAFE_INTEGER - 1),
    )
    .option('--all', 'every decision of the ledger, and say only which one differs')
    .addOption(dataOption())
    .addOption(epochOption())
    .option('--kek-file <file>', 'key-encryption key (default: as for show)')
    .addOption(jsonOption())
    .action(async (index: number | undefined, options: Options) => {
      const ledger = await ledgerOf(context, options)
      if (index !== undefined) await orTampered(explainOne(context, ledger, index, options))
      else if (options.all === true) await orTampered(explainAll(context, ledger, options))
      else throw new CliError(2, 'which decision? countersign policy explain INDEX, or --all')
    })
}

export async function ledgerOf(context: CliContext, options: Options): Promise<Ledger> {
  const { disk } = context
  const { data, kekFile } = options
  const newest = await newestEpoch(disk, data)
  const epoch = options.epoch ?? newest
  const kek = await kekText(context, kekFile)
  return { disk, data, epoch, isNewest: epoch === newest, ...(kek === undefined ? {} : { kek }) }
}

async function explainOne(
  context: CliContext,
  ledger: Ledger,
  index: number,
  { json }: Options,
): Promise<void> {
  // This one is held against the log, not only opened.
  const decided = decidedOf(await requestRecord(ledger, index))
  if (decided === undefined) throw new CliError(2, `no policy was asked about record ${index}`)
  const sets = await RecordedSets.read({ ...ledger, to: decided.index })
  const { again, differences } = await remake(decided, sets)
  const { terminal } = context
  if (json === true) {
    const facts = { index: decided.index, ok: differences.length === 0, differences, ...again }
    terminal.out(jsonLine(facts))
  } else terminal.out(describe(decided, again, context))
  if (differences.length === 0) return
  for (const each of differences) terminal.err(`${printable(each)}\n`)
  throw new CliError(1, `FAILED: the decision of record ${decided.index} cannot be made again`)
}

/** An outcome is explained by the intent that it ends. */
async function requestRecord(
  ledger: Ledger,
  index: number,
): Promise<{ readonly index: number; readonly sections: object }> {
  const record = sectionsOf(await shownRecord({ ...ledger, index }))
  const { about } = record.sections.when ?? {}
  if (record.kind !== 'outcome' || about?.epoch !== ledger.epoch) return record
  return sectionsOf(await shownRecord({ ...ledger, index: about.index }))
}

function sectionsOf({ index, kind, sections }: ShownRecord): {
  readonly index: number
  readonly kind: string
  readonly sections: { readonly when?: When }
} {
  const open = sections.filter(({ closed }) => closed === null)
  return {
    index,
    kind,
    sections: Object.fromEntries(open.map(({ section, value }) => [section, value])),
  }
}

interface Remade {
  readonly again: Redecided | undefined
  /** Why a request cannot be decided again, where that is no difference. */
  readonly differences: readonly string[]
}

async function remake({ index, record }: Decided, sets: RecordedSets): Promise<Remade> {
  const { differencesOf, redecide } = await policyRoom()
  if (record === undefined) {
    throw new CliError(2, `record ${index} has sections whose keys are not here, or are erased`)
  }
  const set = await sets.find(record.why.policySetSha256 ?? '')
  if ('missing' in set) throw new CliError(2, set.missing)
  const again = redecide(record, set)
  if (again === undefined) {
    throw new CliError(2, `record ${index} does not hold all that the policies saw`)
  }
  return { again, differences: differencesOf(again, record.why) }
}

function describe(
  { index, record }: Decided,
  again: Redecided | undefined,
  { terminal }: CliContext,
): string {
  if (again === undefined || record === undefined) return ''
  const { allow, reason, policies, approvals, policySet, request } = again.decision
  const { who, what, where, why } = record
  const { principal } = who
  const verdict = terminal.style(allow ? 'green' : 'red', allow ? 'allow' : 'deny')
  const head = `${terminal.style('bold', `record ${index}`)}: ${verdict}, ${printable(reason)}`
  const lines = [
    `  policies   ${policies.join(', ') || 'none'}`,
    ...(approvals.length === 0 ? [] : [`  approvals  ${approvals.join(', ')}`]),
    `  principal  ${principal.kind} ${principal.id} of ${principal.issuer ?? 'nobody'}`,
    `  request    ${what.method} ${what.authority}${what.path} on route ${what.route}`,
    `  from       ${where.address} at ${timeOf(why)}`,
    `  set        ${policySet}`,
    `  digest     ${request}`,
  ]
  return `${[head, ...lines.map(printable)].join('\n')}\n`
}

function timeOf({ facts = {} }: Why): string {
  return typeof facts.time === 'string' ? facts.time : 'no time'
}

async function explainAll(context: CliContext, ledger: Ledger, { json }: Options): Promise<void> {
  const sets = await RecordedSets.read(ledger)
  const counts = { same: 0, different: 0, unknown: 0 }
  const findings: { readonly index: number; readonly differences: readonly string[] }[] = []
  for await (const decided of decidedRecords(ledger)) {
    const differences = await orUnknown(() => remake(decided, sets))
    if (differences === undefined) counts.unknown += 1
    else if (differences.length === 0) counts.same += 1
    else {
      counts.different += 1
      findings.push({ index: decided.index, differences })
    }
  }
  const { terminal } = context
  if (json === true) terminal.out(jsonLine({ ...counts, findings }))
  else {
    const lines = findings.map(({ index, differences }) => `${index}: ${differences.join('; ')}\n`)
    const { same, different, unknown } = counts
    const sum = `${same} reproduced, ${different} different, ${unknown} not decidable again\n`
    terminal.out(printableLines(lines.join('') + sum))
  }
  if (counts.different > 0) throw new CliError(1, 'FAILED: decisions cannot be made again')
}

/** Undefined where the ledger does not hold enough: a person was erased, a set is of old. */
async function orUnknown(make: () => Promise<Remade>): Promise<readonly string[] | undefined> {
  try {
    return (await make()).differences
  } catch (error) {
    if (error instanceof CliError && error.exit === 2) return undefined
    throw error
  }
}

import { dirname, join } from 'node:path'
import { Command } from 'commander'
import type { CaseResult, PolicySet } from '../policy/index.ts'
import type { CliContext } from './command.ts'
import { CliError, jsonOption } from './command.ts'
import { policyExplainCommand } from './policy-explain.ts'
import { policyReplayCommand } from './policy-replay.ts'
import { policyRoom } from './policy-room.ts'
import { jsonLine, printableLines } from './printable.ts'
import { readable } from './readable.ts'

export function policyCommand(context: CliContext): Command {
  return new Command('policy')
    .description('check, test and explain the policies that decide requests')
    .addCommand(checkCommand(context))
    .addCommand(testCommand(context))
    .addCommand(policyExplainCommand(context))
    .addCommand(policyReplayCommand(context))
    .addCommand(schemaCommand(context))
}

interface CheckOptions {
  readonly config?: string
  readonly json?: boolean
}

function checkCommand(context: CliContext): Command {
  return new Command('check')
    .description('read a directory of policies and list everything that is wrong with them')
    .argument('[dir]', 'directory of *.cedar files')
    .option('--config <file>', 'the configuration whose policies are meant')
    .addOption(jsonOption())
    .action(async (argument: string | undefined, { config, json }: CheckOptions) => {
      const directory = argument ?? (await configured(context, config))
      await check(context, directory, json === true)
    })
}

async function configured({ services }: CliContext, config: string | undefined): Promise<string> {
  if (config !== undefined) return (await services.readConfig(config)).policies.directory
  throw new CliError(2, 'which policies? countersign policy check DIR')
}

async function check(context: CliContext, directory: string, json: boolean): Promise<void> {
  const { terminal } = context
  const { PolicyError } = await policyRoom()
  try {
    const set = await readSet(context, directory)
    const { digest, ids, files, uncovered } = set
    const facts = { ok: true, digest, policies: ids, files: files.map(({ name }) => name) }
    terminal.out(json ? jsonLine({ ...facts, uncovered, problems: [] }) : sum(set))
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { problems } = error
    if (json) terminal.out(jsonLine({ ok: false, problems }))
    else terminal.err(`${printableLines(error.message)}\n`)
    context.finish(1)
  }
}

function sum({ digest, ids, files, uncovered }: PolicySet): string {
  const slow = uncovered.map(({ id, file, why }) => {
    return `${file}: ${id} is decided by the slower engine, because of ${why}\n`
  })
  const counts = `policies: ${ids.length}, files: ${files.length}`
  return printableLines(`${slow.join('')}ok: ${counts}, digest ${digest}\n`)
}

async function readSet({ services }: CliContext, directory: string): Promise<PolicySet> {
  const { PolicySet } = await policyRoom()
  return PolicySet.compile(await readable(directory, services.readPolicies(directory)))
}

const TABLE_BYTES_MAX = 1_048_576

const EXAMPLE = `
FILE is YAML or JSON, and one row is a case:

  # directory of *.cedar files, relative to this file
  policies: .
  principals:
    ada: {id: ada, groups: [order-readers]}
  given: {route: orders, path: /orders/7}
  cases:
    - name: readers read
      principal: ada
      method: GET
      expect: allow
      policies: [readers-read]
    - name: readers do not delete
      principal: ada
      method: DELETE
      expect: no-policy-permits
`

function testCommand(context: CliContext): Command {
  return new Command('test')
    .description('hold policies against a table of cases')
    .argument('<file>', 'the table')
    .addOption(jsonOption())
    .addHelpText('after', EXAMPLE)
    .action((file: string, { json }: { readonly json?: boolean }) => runTable(context, file, json))
}

async function runTable(context: CliContext, file: string, json = false): Promise<void> {
  const { terminal, disk } = context
  const { caseTableSchema, runCases } = await policyRoom()
  const { parseYamlAs } = await import('../config/index.ts')
  const text = await readable(file, disk.read(file, TABLE_BYTES_MAX))
  const table = parseYamlAs(caseTableSchema, file, text)
  const set = await readSet(context, join(dirname(file), table.policies))
  const results = runCases(set, table)
  const failed = results.filter(({ failures }) => failures.length > 0)
  const counts = { passed: results.length - failed.length, failed: failed.length }
  if (json) terminal.out(jsonLine({ ...counts, cases: results }))
  else {
    const lines = failed.map(describeFailure).join('')
    terminal.out(printableLines(`${lines}${counts.passed} passed, ${counts.failed} failed\n`))
  }
  if (failed.length > 0) context.finish(1)
}

function describeFailure({ name, failures, decision }: CaseResult): string {
  const by = decision === undefined ? 'nothing' : decision.policies.join(', ') || 'no policy'
  return `FAILED ${name}\n${failures.map((each) => `  ${each}\n`).join('')}  decided by ${by}\n`
}

function schemaCommand(context: CliContext): Command {
  return new Command('schema')
    .description('print the Cedar schema: everything that a policy may mention')
    .action(async () => {
      context.terminal.out((await policyRoom()).POLICY_SCHEMA)
    })
}

import { Command } from 'commander'
import { type ActOptions, act, columns, nameOf, timeOf, withActOptions } from './admin-act.ts'
import { type CliContext, parseWhole } from './command.ts'
import { parseDuration } from './duration.ts'

interface Approval {
  readonly id: string
  readonly template: string
  readonly principal: { readonly issuer: string; readonly id: string }
  readonly method: string
  readonly path: string
  readonly until: string
  readonly state: 'pending' | 'granted'
  readonly grant?: {
    readonly methods: readonly string[]
    readonly path: string
    readonly uses: number
    readonly used: number
    readonly by: { readonly issuer: string; readonly id: string }
  }
}

interface GrantOptions extends ActOptions {
  readonly uses?: number
  readonly for?: number
  readonly path?: string
  readonly method?: readonly string[]
  readonly reason?: string
}

const USES_MAX = 1000

export function approvalsCommand(context: CliContext): Command {
  return new Command('approvals')
    .description('what people ask for that takes a second person')
    .addCommand(listCommand(context))
    .addCommand(grantCommand(context))
    .addCommand(denyCommand(context))
}

function listCommand(context: CliContext): Command {
  const command = new Command('list').description('what waits for an answer, and what is granted')
  return withActOptions(command).action((options: ActOptions) => {
    return act<{ readonly approvals: readonly Approval[] }>(context, options, {
      method: 'GET',
      path: '/api/approvals',
      describe: ({ approvals }) => {
        if (approvals.length === 0) return 'nothing waits, nothing is granted'
        return columns(approvals.map(row))
      },
    })
  })
}

function grantCommand(context: CliContext): Command {
  const command = new Command('grant')
    .description('let somebody else do what they ask for, so often and so long')
    .argument('<id>', 'as approvals list and the answer to the caller say it')
    .option('--uses <number>', 'how often (default: once)', (text) => parseWhole(text, 1, USES_MAX))
    .option('--for <time>', 'how long, as 15m or 8h (default: as the template says)', parseDuration)
    .option('--path <pattern>', 'which paths, * for a segment (default: the one asked for)')
    .option('--method <name>', 'which methods (repeatable; default: the one asked for)', collect)
    .option('--reason <text>', 'why; it is recorded')
  return withActOptions(command).action((id: string, options: GrantOptions) => {
    const { uses, path, method: methods, reason, for: forMs } = options
    return act<Approval>(context, options, {
      method: 'POST',
      path: `/api/approvals/${encodeURIComponent(id)}/grant`,
      body: { uses, forMs, path, methods, reason },
      describe: (approval) => columns([row(approval)]),
    })
  })
}

function denyCommand(context: CliContext): Command {
  const command = new Command('deny')
    .description('say no to what is asked for, or take back what was granted')
    .argument('<id>', 'as approvals list says it')
    .option('--reason <text>', 'why; it is recorded')
  return withActOptions(command).action(
    (id: string, options: ActOptions & { readonly reason?: string }) => {
      return act<{ readonly denied: string }>(context, options, {
        method: 'POST',
        path: `/api/approvals/${encodeURIComponent(id)}/deny`,
        body: { reason: options.reason },
        describe: ({ denied }) => `denied ${denied}`,
      })
    },
  )
}

function row(approval: Approval): readonly string[] {
  const { id, template, principal, method, path, until, state, grant } = approval
  const what =
    grant === undefined ? `${method} ${path}` : `${grant.methods.join(',')} ${grant.path}`
  const uses = grant === undefined ? '' : `, ${grant.used} of ${grant.uses} used`
  return [id, template, nameOf(principal), what, `${state}${uses}`, `until ${timeOf(until)}`]
}

function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value]
}

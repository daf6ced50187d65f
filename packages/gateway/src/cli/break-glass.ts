import { Command } from 'commander'
import { type ActOptions, act, columns, nameOf, timeOf, withActOptions } from './admin-act.ts'
import type { CliContext } from './command.ts'
import { formatDuration, parseDuration } from './duration.ts'

interface Activation {
  readonly id: string
  readonly principal: { readonly issuer: string; readonly id: string }
  readonly reason: string
  readonly state: 'asked' | 'active' | 'ended'
  readonly until: string
  readonly reviewBy?: string
  readonly overdueMs?: number
}

export function breakGlassCommand(context: CliContext): Command {
  return new Command('break-glass')
    .description('open for a short time what is shut to you, with everybody told')
    .addCommand(activateCommand(context))
    .addCommand(confirmCommand(context))
    .addCommand(listCommand(context))
    .addCommand(reviewCommand(context))
}

function activateCommand(context: CliContext): Command {
  const command = new Command('activate')
    .description('ask for it; it takes somebody else, or a fresh second factor')
    .requiredOption('--reason <text>', 'why; it is recorded, and an alert is raised')
    .option('--for <time>', 'how long, as 15m (default: as long as it may)', parseDuration)
  return withActOptions(command).action(
    (options: ActOptions & { readonly reason: string; readonly for?: number }) => {
      return act<Activation>(context, options, {
        method: 'POST',
        path: '/api/break-glass',
        body: { reason: options.reason, forMs: options.for },
        describe: (activation) => {
          const { id, state, until } = activation
          if (state === 'active') return columns([row(activation)])
          return `${id}  waits until ${timeOf(until)} for somebody else: break-glass confirm ${id}`
        },
      })
    },
  )
}

function confirmCommand(context: CliContext): Command {
  const command = new Command('confirm')
    .description('be the second person, with your own key')
    .argument('<id>', 'as break-glass activate says it')
  return withActOptions(command).action((id: string, options: ActOptions) => {
    return act<Activation>(context, options, {
      method: 'POST',
      path: `/api/break-glass/${encodeURIComponent(id)}/confirm`,
      body: {},
      describe: (activation) => columns([row(activation)]),
    })
  })
}

function listCommand(context: CliContext): Command {
  const command = new Command('list').description('what waits, what is open, what nobody looked at')
  return withActOptions(command).action((options: ActOptions) => {
    return act<{ readonly activations: readonly Activation[]; readonly overdue: number }>(
      context,
      options,
      {
        method: 'GET',
        path: '/api/break-glass',
        describe: ({ activations, overdue }) => {
          if (activations.length === 0) return 'nothing is open, nothing is to be looked at'
          const late = overdue === 0 ? '' : `\n${overdue} overdue`
          return `${columns(activations.map(row))}${late}`
        },
      },
    )
  })
}

function reviewCommand(context: CliContext): Command {
  const command = new Command('review')
    .description("close somebody else's, having looked at what was done")
    .argument('<id>', 'as break-glass list says it')
    .requiredOption('--note <text>', 'what you found; it is recorded')
  return withActOptions(command).action(
    (id: string, options: ActOptions & { readonly note: string }) => {
      return act<{ readonly reviewed: string }>(context, options, {
        method: 'POST',
        path: `/api/break-glass/${encodeURIComponent(id)}/review`,
        body: { note: options.note },
        describe: ({ reviewed }) => `reviewed ${reviewed}`,
      })
    },
  )
}

function row({ id, principal, reason, state, until, reviewBy, overdueMs }: Activation): string[] {
  return [id, nameOf(principal), described(state, until), review(reviewBy, overdueMs), reason]
}

function described(state: Activation['state'], until: string): string {
  if (state === 'asked') return `waits until ${timeOf(until)}`
  return state === 'active' ? `open until ${timeOf(until)}` : 'ended'
}

function review(reviewBy: string | undefined, overdueMs: number | undefined): string {
  if (overdueMs !== undefined) return `review OVERDUE by ${formatDuration(overdueMs)}`
  return reviewBy === undefined ? '' : `review by ${timeOf(reviewBy)}`
}

import { Command } from 'commander'
import { type ActOptions, act, columns, withActOptions } from './admin-act.ts'
import type { CliContext } from './command.ts'

interface Upstream {
  readonly name: string
  readonly balance: string
  readonly state: string
  readonly active: number
  readonly waiting: number
  readonly retries: number
  readonly overloaded: number
  readonly fault?: string
  readonly endpoints: readonly {
    readonly target: string
    readonly address: string
    readonly state: string
    readonly active: number
    readonly requests: number
    readonly faults: number
    readonly ejections: number
    readonly lastFault?: string
  }[]
}

export function upstreamsCommand(context: CliContext): Command {
  const command = new Command('upstreams').description(
    'targets of every upstream, as the gateway finds them',
  )
  return withActOptions(command).action((options: ActOptions) => {
    return act<{ readonly upstreams: readonly Upstream[] }>(context, options, {
      method: 'GET',
      path: '/api/upstreams',
      describe: ({ upstreams }) => upstreams.map(described).join('\n\n'),
    })
  })
}

function described(upstream: Upstream): string {
  const { name, state, balance, active, waiting, retries, overloaded, fault } = upstream
  const counts = `${active} going on, ${waiting} waiting, ${retries} retries, ${overloaded} refused`
  const head = `${name}: ${state}, ${balance}, ${counts}${fault === undefined ? '' : `; ${fault}`}`
  const rows = upstream.endpoints.map((each) => [
    `  ${each.address}`,
    each.target === each.address ? '' : each.target,
    each.state,
    `${each.active} going on`,
    `${each.requests} requests`,
    `${each.faults} faults`,
    `${each.ejections} ejections`,
    each.lastFault === undefined ? '' : `last: ${each.lastFault}`,
  ])
  return rows.length === 0 ? head : `${head}\n${columns(rows)}`
}

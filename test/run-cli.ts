// One command line, in this process, through the CLI's own function: what the acceptance tests and
// the CLI's tests share. Only what serves for ever (start, demo) is left out.
import { type CliContext, type Exit, runCli } from '../packages/gateway/src/cli/index.ts'
import { nodeDisk, systemClock, systemRandom } from '../packages/gateway/src/platform/index.ts'

export interface Ran {
  readonly exit: Exit
  readonly out: string
  readonly err: string
}

export interface Surroundings {
  readonly columns?: number
  readonly environment?: Readonly<Record<string, string>>
  /** A terminal that shows colours. */
  readonly isStyled?: boolean
  readonly services?: Partial<CliContext['services']>
}

export async function run(args: readonly string[], around: Surroundings = {}): Promise<Ran> {
  const said = { out: '', err: '' }
  const exit = await runCli(args, {
    terminal: {
      out: (text) => {
        said.out += text
      },
      err: (text) => {
        said.err += text
      },
      columns: around.columns ?? 80,
      interactive: false,
      style: (_format, text) => (around.isStyled === true ? `\u001b[1m${text}\u001b[0m` : text),
    },
    disk: nodeDisk(),
    clock: systemClock(),
    random: systemRandom(),
    environment: around.environment ?? {},
    fetch,
    services: { ...services, ...around.services },
  })
  return { exit, ...said }
}

const services: CliContext['services'] = {
  readConfig: async (path) => {
    const { readConfig } = await import('../packages/gateway/src/compose/read-config.ts')
    return (await readConfig(path)).config
  },
  readPolicies: async (path) => {
    const { readPolicies } = await import('../packages/gateway/src/compose/read-policies.ts')
    return readPolicies(path)
  },
  start: () => Promise.reject(new Error('start does not run in a test')),
  supervise: () => Promise.reject(new Error('supervise does not run in a test')),
  demo: () => Promise.reject(new Error('demo does not run in a test')),
  examine: async function* (path) {
    const { examine } = await import('../packages/gateway/src/compose/doctor/examine.ts')
    const { realMachine } = await import('../packages/gateway/src/compose/machine.ts')
    yield* examine(path, realMachine())
  },
  drill: async function* (options) {
    const { drill } = await import('../packages/gateway/src/compose/drill/drill.ts')
    yield* drill(options)
  },
}

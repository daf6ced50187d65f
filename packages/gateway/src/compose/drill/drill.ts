import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DrillEvent, DrillOptions, DrillRoute } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { createKeyInFile } from '../../identity/index.ts'
import {
  type Clock,
  FaultyDisk,
  JumpingClock,
  nodeDisk,
  systemClock,
} from '../../platform/index.ts'
import { verifyDirectory } from '../../verify/index.ts'
import { openGateway } from '../gateway.ts'
import { realMachine } from '../machine.ts'
import { prepare } from '../prepare.ts'
import { readConfig } from '../read-config.ts'
import { type Answered, Caller } from './caller.ts'
import { type Adversity, type Scenario, scenariosOf } from './scenarios.ts'
import { DRILLER, writeScratchConfig } from './scratch-config.ts'
import { StandIn } from './stand-in.ts'

const ASK_EVERY_MS = 50
const GRACE_MS = 2_000

type Route = Config['routes'][number]

/** Everything that a drill runs on. */
interface Ground extends Adversity {
  readonly caller: Caller
  readonly routes: readonly Route[]
  /** Of the machine, whatever the gateway believes. */
  readonly right: Clock
  readonly options: DrillOptions
}

/**
 * Makes things go wrong for a gateway of its own, one after the other, and tells what each route
 * answered. The gateway is the real one, in a directory of its own, before a stand-in for every
 * upstream; its disk and its clock are real ones that can be made ill.
 */
export async function* drill(options: DrillOptions): AsyncGenerator<DrillEvent> {
  const { config } = await readConfig(options.configPath)
  const directory = await mkdtemp(join(tmpdir(), 'countersign-drill-'))
  await using parts = new AsyncDisposableStack()
  parts.defer(() => rm(directory, { recursive: true, force: true }))
  parts.defer(leaveNothingAfterSignals(directory))
  const upstream = await StandIn.open()
  parts.defer(() => upstream.close())
  const right = systemClock()
  const [disk, clock] = [new FaultyDisk(nodeDisk(), right), new JumpingClock(right)]
  const machine = { ...realMachine(), disk, clock, environment: {} }
  const at = { disk, directory, upstreamUrl: upstream.url }
  const path = await writeScratchConfig(config, at)
  const keys = join(directory, 'keys.yaml')
  const { token } = await createKeyInFile(keys, { principal: DRILLER, label: 'drill' }, machine)
  const gateway = await openGateway(await prepare(path), machine)
  let isOpen = true
  const close = async (): Promise<void> => {
    if (isOpen) await gateway.close()
    isOpen = false
  }
  parts.defer(close)
  const caller = new Caller({ port: portOf(gateway.addresses, 'drill'), token, clock: right })
  const ground = { disk, clock, upstream, caller, routes: config.routes, right, options }

  for (const scenario of scenariosOf(options)) yield* play(scenario, ground)
  await upstream.become('answers')
  await close()
  const data = join(directory, 'data')
  const { ok, size } = await verifyDirectory({ disk: nodeDisk(), directory: data, require: [] })
  yield { kind: 'verified', ok, entries: size ?? 0 }
}

async function* play(scenario: Scenario, ground: Ground): AsyncGenerator<DrillEvent> {
  const { name, says, noticedMsMax = 0, isPatient = false } = scenario
  const { routes, right, caller, options } = ground
  yield { kind: 'begins', scenario: name, says }
  await scenario.begin(ground)
  const waitMs = isPatient ? options.patienceMs : GRACE_MS + options.patienceMs
  await untilNoticed(ground, noticedMsMax)
  const answers = await Promise.all(
    routes.map(async (route) => ({ route, answer: await caller.ask(route, waitMs) })),
  )
  await scenario.end(ground)
  const fromMs = right.ticksMs()
  const told = await Promise.all(
    answers.map(async ({ route, answer }): Promise<DrillRoute> => {
      const isServed = answer.status === 200
      const backMs = isServed ? 0 : await untilServed(ground, route, fromMs)
      return { route: route.name, ...described(answer), backMs }
    }),
  )
  yield { kind: 'ended', scenario: name, routes: told }
}

/** What a fault does may show only after what was allocated before is used up. */
async function untilNoticed({ caller, routes, right }: Ground, msMax: number): Promise<void> {
  const [route] = routes
  const untilMs = right.ticksMs() + msMax
  while (route !== undefined && right.ticksMs() < untilMs) {
    const { status } = await caller.ask(route, GRACE_MS)
    if (status !== 200) return
    await pause(right, ASK_EVERY_MS)
  }
}

/** Milliseconds until it is served again; undefined: not while somebody waited. */
async function untilServed(
  { caller, right, options }: Ground,
  route: Route,
  fromMs: number,
): Promise<number | undefined> {
  while (right.ticksMs() - fromMs < options.patienceMs) {
    const { status } = await caller.ask(route, options.patienceMs)
    if (status === 200) return right.ticksMs() - fromMs
    await pause(right, ASK_EVERY_MS)
  }
  return undefined
}

function described({
  status,
  reason,
  receipt,
  tookMs,
}: Answered): Omit<DrillRoute, 'route' | 'backMs'> {
  const recorded = receipt ?? recordedOf(status, reason)
  return { status, reason, recorded, tookMs }
}

/** Of an answer without a receipt. */
function recordedOf(
  status: number | undefined,
  reason: string | undefined,
): DrillRoute['recorded'] {
  if (reason === 'disk-reserve') return 'counted'
  return status === undefined ? 'open' : 'no'
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((done) => clock.after(ms, done))
}

function portOf(addresses: readonly string[], listener: string): number {
  const found = addresses.find((each) => each.startsWith(`${listener} `))
  return Number(new URL(found?.slice(listener.length + 1) ?? 'http://none:0').port)
}

/** Somebody who has seen enough leaves nothing behind. Returns what ends the watch for that. */
function leaveNothingAfterSignals(directory: string): () => void {
  const end = (signal: NodeJS.Signals): void => {
    rmSync(directory, { recursive: true, force: true })
    stop()
    process.kill(process.pid, signal)
  }
  const stop = (): void => {
    for (const signal of SIGNALS) process.off(signal, end)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  return stop
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// Authenticators as the program composes them, with a real HTTP client and a clock of the test's.
import { httpClient } from '../../packages/gateway/src/compose/http-client.ts'
import {
  Authenticators,
  apiKeys,
  type Identification,
  Introspection,
  type IssuerKeysReport,
  identityConfigSchema,
  issuerKeys,
  jwtAuthenticator,
  Presented,
  parseKeysFile,
  senderConstraints,
  VerifiedTokens,
} from '../../packages/gateway/src/identity/index.ts'
import { networkOf } from '../../packages/gateway/src/limits/index.ts'
import { type Clock, systemClock } from '../../packages/gateway/src/platform/index.ts'

/** A clock that a test can move on; its timers are those of the machine. */
export interface MovableClock extends Clock {
  moveMs(ms: number): void
}

export function movableClock(): MovableClock {
  const real = systemClock()
  let aheadMs = 0
  return {
    nowUs: () => real.nowUs() + aheadMs * 1000,
    ticksMs: () => real.ticksMs() + aheadMs,
    after: (delayMs, run) => real.after(delayMs, run),
    atTurnEnd: (run) => real.atTurnEnd(run),
    moveMs: (ms) => {
      aheadMs += ms
    },
  }
}

export interface Asking {
  readonly clock: MovableClock
  readonly reports: IssuerKeysReport[]
  ask(...authorization: readonly string[]): Promise<Identification>
  /** What is answered without a promise; undefined where somebody had to be asked. */
  askAtOnce(authorization: string): Identification | undefined
  /** Who is known by id, else the fault or reason. */
  outcome(...authorization: readonly string[]): Promise<string>
  /** The same, of a client with this address. */
  outcomeFrom(address: string, authorization: string): Promise<string>
  close(): Promise<void>
}

function outcomeOf(found: Identification): string {
  return found.known ? found.principal.id : (found.fault ?? found.reason)
}

/** `issuers` as an operator would write them in the section `identity`. */
export async function openAsking(
  issuers: readonly object[],
  more: object = {},
  secret?: Uint8Array,
): Promise<Asking> {
  const {
    issuers: configs,
    introspection,
    ...identity
  } = identityConfigSchema.parse({
    keysFile: 'keys.yaml',
    issuers,
    ...more,
  })
  const clock = movableClock()
  const questionsMax = introspection.reduce((sum, { inFlightMax }) => sum + inFlightMax, 0)
  const http = httpClient(undefined, questionsMax)
  const reports: IssuerKeysReport[] = []
  const tokens = new VerifiedTokens(identity.verifiedTokensMax)
  const check = { binding: senderConstraints({}), revocations: { isRevoked: () => false } }
  const opened = configs.map((config) => ({
    config,
    keys: issuerKeys(config, { http, clock, secret, onReport: (report) => reports.push(report) }),
  }))
  const { clockSkewMs } = identity
  const jwts = opened.map(({ config, keys }) =>
    jwtAuthenticator(config, { keys, check, tokens, clockSkewMs }),
  )
  const asked = introspection.map((config) => {
    const clientSecret = Buffer.from(secret ?? []).toString()
    const onFailure = (cause: unknown): unknown => reports.push({ kind: 'failed', cause })
    const parts = { config, clientSecret, clockSkewMs, http, clock, check, tokens }
    return new Introspection({ ...parts, networkOf, onFailure })
  })
  const ring = parseKeysFile('version: 1\nkeys: []\n')
  const chain = new Authenticators([apiKeys(() => ring), ...jwts, ...asked]).chain()
  const identify = (
    values: readonly string[],
    address = '192.0.2.1',
  ): Identification | Promise<Identification> =>
    chain.identify(
      new Presented({
        method: 'GET',
        url: () => 'https://api.example/orders',
        fields: values.map((value) => ['authorization', value]),
        hasBody: false,
        peer: { address },
        atUs: clock.nowUs(),
      }),
    )
  const ask = async (...values: readonly string[]): Promise<Identification> => identify(values)
  return {
    clock,
    reports,
    ask,
    askAtOnce: (value) => {
      const found = identify([value])
      return found instanceof Promise ? undefined : found
    },
    outcome: async (...values) => outcomeOf(await ask(...values)),
    outcomeFrom: async (address, value) => outcomeOf(await identify([value], address)),
    close: async () => {
      for (const { keys } of opened) keys.close()
      await http.close()
    },
  }
}

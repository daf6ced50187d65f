import { hash } from 'node:crypto'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Config } from '../config/index.ts'
import {
  MemoryStore,
  QuotaFile,
  type QuotaStore,
  quotaTime,
  RedisStore,
  type ScriptRunner,
} from '../limits/index.ts'
import type { Clock } from '../platform/index.ts'
import type { Machine } from './machine.ts'

const RETRY_MS_MAX = 2000
const FAULT_EVERY_MS = 10_000
const PASSWORD_BYTES_MAX = 4096

/** Opens what counts the quotas; it outlives configurations. */
export async function openQuotas(
  config: Pick<Config, 'quotaStore' | 'data'>,
  machine: Machine,
  onFault: (fault: unknown) => void = () => undefined,
): Promise<QuotaStore> {
  const { quotaStore, data } = config
  const { clock, disk, random } = machine
  if (quotaStore.kind === 'memory') {
    const nowUs = quotaTime(clock)
    const path = join(data, 'state', 'quotas')
    return new MemoryStore({ nowUs, file: await QuotaFile.open({ disk, path, random, nowUs }) })
  }
  const runner = redisRunner(await redisOptions(quotaStore, machine))
  return new RedisStore({
    runner,
    random,
    prefix: quotaStore.prefix,
    onFault: seldom(clock, onFault),
  })
}

/** A store that is away fails every lease there is: once in a while says as much. */
function seldom(clock: Clock, tell: (fault: unknown) => void): (fault: unknown) => void {
  let untilMs = Number.NEGATIVE_INFINITY
  return (fault) => {
    const nowMs = clock.ticksMs()
    if (nowMs < untilMs) return
    untilMs = nowMs + FAULT_EVERY_MS
    tell(fault)
  }
}

type RedisConfig = Extract<Config['quotaStore'], { kind: 'redis' }>

interface RedisOptions {
  readonly config: RedisConfig
  readonly password: string | undefined
  readonly ca: string | undefined
}

async function redisOptions(config: RedisConfig, machine: Machine): Promise<RedisOptions> {
  const { disk, environment } = machine
  const text = async (path: string): Promise<string> => {
    return new TextDecoder().decode(await disk.read(path, PASSWORD_BYTES_MAX * 16))
  }
  const { password, authority } = config
  const ca = authority === undefined ? undefined : await text(authority)
  if (password === undefined) return { config, ca, password: undefined }
  if ('file' in password) return { config, ca, password: (await text(password.file)).trim() }
  const secret = environment[password.env]
  if (secret !== undefined) return { config, ca, password: secret }
  throw new Error(`quotaStore.password.env: the environment has no ${password.env}`)
}

/** A client that answers or fails within its time, connected or not; it connects by itself. */
export function redisRunner({ config, password, ca }: RedisOptions): ScriptRunner {
  const { url, username, timeoutMs } = config
  const redis = new Redis(url, {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { tls: { ca } }),
    connectTimeout: Math.max(timeoutMs, 1000),
    commandTimeout: timeoutMs,
    // What cannot be asked now is refused now: nothing waits for a connection to come back.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(times * 50, RETRY_MS_MAX),
  })
  redis.on('error', () => undefined) // Told by each request that it fails.
  return {
    run: async (script, keys, values) => {
      const all = [...keys, ...values]
      try {
        return await redis.evalsha(digestOf(script), keys.length, ...all)
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
        return redis.eval(script, keys.length, ...all)
      }
    },
    remove: async (key, member) => {
      await redis.zrem(key, member)
    },
    close: async () => {
      redis.disconnect()
    },
  }
}

const DIGESTS = new Map<string, string>()

/** How Redis names a script that it knows. */
function digestOf(script: string): string {
  const known = DIGESTS.get(script)
  if (known !== undefined) return known
  const digest = hash('sha1', script)
  DIGESTS.set(script, digest)
  return digest
}

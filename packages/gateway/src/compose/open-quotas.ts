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
import { readPem } from './certificates.ts'
import type { Machine } from './machine.ts'
import { readSecret } from './read-secret.ts'
import { seldom } from './seldom.ts'

const RETRY_MS_MAX = 2000
/** After so many that got no answer the connection is taken for dead. */
const SILENT_TIMEOUTS = 4
/** What whoever is no primary any more, or not yet, says to a script that writes. */
const NO_PRIMARY = /^(?:READONLY|MASTERDOWN|LOADING) /

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

type RedisConfig = Extract<Config['quotaStore'], { kind: 'redis' }>

interface RedisOptions {
  readonly config: RedisConfig
  readonly password: string | undefined
  readonly ca: string | undefined
}

async function redisOptions(config: RedisConfig, machine: Machine): Promise<RedisOptions> {
  const { password: place, authority } = config
  const ca = authority === undefined ? undefined : await readPem(authority)
  if (place === undefined) return { config, ca, password: undefined }
  try {
    const password = new TextDecoder().decode(await readSecret(place, machine))
    return { config, ca, password }
  } catch (cause) {
    throw new Error(`quotaStore.password: ${(cause as Error).message}`, { cause })
  }
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
    // A connection that only swallows, or a store that is no primary any more, is left for another.
    socketTimeout: Math.max(SILENT_TIMEOUTS * timeoutMs, 1000),
    reconnectOnError: ({ message }) => NO_PRIMARY.test(message),
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

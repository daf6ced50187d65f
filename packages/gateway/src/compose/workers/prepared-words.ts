import type { Config } from '../../config/index.ts'
import { type PolicyFile, PolicySet } from '../../policy/index.ts'
import type { ListenerSettings } from '../../proxy/index.ts'
import type { UpstreamConfig } from '../../upstream/index.ts'
import type { Prepared } from '../prepare.ts'

/** What of a configuration crosses as it is. */
type Plain = Pick<
  Prepared,
  'path' | 'config' | 'text' | 'configurationSha256' | 'references' | 'secrets'
>

/**
 * A configuration that was read and checked, for another process of ours: all go by what was read
 * once, whatever becomes of the files. Policies cross as texts, and are compiled there.
 */
export interface PreparedWords extends Plain {
  readonly policies: readonly PolicyFile[]
  readonly listeners: readonly ListenerSettings[]
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
}

export function wordsOfPrepared(prepared: Prepared): PreparedWords {
  const { path, config, text, configurationSha256, references, secrets } = prepared
  const { listeners, upstreams, policies } = prepared
  const plain = { path, config, text, configurationSha256, references, secrets }
  return { ...plain, listeners, upstreams, policies: policies.files }
}

/** `sockets`: descriptors by the names of the listeners, handed over at the start. */
export function preparedOf(words: PreparedWords, sockets: ReadonlyMap<string, number>): Prepared {
  return {
    ...words,
    policies: PolicySet.compile(words.policies),
    listeners: words.listeners.map((each) => ({ ...each, descriptor: sockets.get(each.name) })),
    egress: new Map(),
    adminTls: undefined,
  }
}

/** Where the listeners of a configuration are: what a running worker cannot change. */
export function placesOf({ listeners }: Pick<Config, 'listeners'>): string {
  return JSON.stringify(listeners.map(({ name, host, port }) => [name, host, port]))
}

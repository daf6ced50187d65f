import type { Config } from '../../config/index.ts'
import { type PolicyFile, PolicySet } from '../../policy/index.ts'
import { type Egress, InjectedCredential, type ListenerSettings } from '../../proxy/index.ts'
import type { CredentialConfig, UpstreamConfig } from '../../upstream/index.ts'
import type { Prepared } from '../prepare.ts'

/** What of a configuration crosses as it is. */
type Plain = Pick<
  Prepared,
  'path' | 'config' | 'text' | 'configurationSha256' | 'references' | 'secrets'
>

/** An upstream that is a service of somebody else: its name, and what it is shown. */
type EgressWords = readonly [
  upstream: string,
  credential: readonly [config: CredentialConfig, secret: string] | undefined,
]

/**
 * A configuration that was read and checked, for another process of ours: all go by what was read
 * once, whatever becomes of the files. Policies cross as texts, and are compiled there.
 */
export interface PreparedWords extends Plain {
  readonly policies: readonly PolicyFile[]
  readonly listeners: readonly ListenerSettings[]
  readonly upstreams: Readonly<Record<string, UpstreamConfig>>
  readonly egress: readonly EgressWords[]
}

export function wordsOfPrepared(prepared: Prepared): PreparedWords {
  const { path, config, text, configurationSha256, references, secrets } = prepared
  const { listeners, upstreams, policies } = prepared
  const plain = { path, config, text, configurationSha256, references, secrets }
  const egress = [...prepared.egress].map(([name, { credential }]): EgressWords => {
    return [name, credential?.parts()]
  })
  return { ...plain, listeners, upstreams, egress, policies: policies.files }
}

/** `sockets`: descriptors by the names of the listeners, handed over at the start. */
export function preparedOf(words: PreparedWords, sockets: ReadonlyMap<string, number>): Prepared {
  return {
    ...words,
    policies: PolicySet.compile(words.policies),
    listeners: words.listeners.map((each) => ({ ...each, descriptor: sockets.get(each.name) })),
    egress: new Map(words.egress.map(([name, parts]) => [name, egressOf(parts)])),
    adminTls: undefined,
  }
}

function egressOf(parts: EgressWords[1]): Egress {
  return { credential: parts && new InjectedCredential(...parts) }
}

/** Where the listeners of a configuration are: what a running worker cannot change. */
export function placesOf({ listeners }: Pick<Config, 'listeners'>): string {
  return JSON.stringify(listeners.map(({ name, host, port }) => [name, host, port]))
}

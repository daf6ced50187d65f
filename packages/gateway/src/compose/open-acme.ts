import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { type CertificateFacts, formatTime } from '@countersign/evidence'
import type { Logger } from 'pino'
import {
  type AcmeConfig,
  type CertificateEvent,
  CertificateKeeper,
  CertificateStore,
  orderCertificate,
  type Pair,
  PendingChallenges,
} from '../acme/index.ts'
import type { Config } from '../config/index.ts'
import { contextOptions, type ListenerSettings } from '../proxy/index.ts'
import type { Recorder } from '../recorder/index.ts'
import type { Metrics } from '../telemetry/index.ts'
import { readPem } from './certificates.ts'
import { httpClient } from './http-client.ts'
import type { Machine } from './machine.ts'
import { readSecret } from './read-secret.ts'

const PROBLEM_LENGTH_MAX = 400

export interface AcmeNeeds {
  readonly recorder: Pick<Recorder, 'act'>
  readonly log: Logger
  readonly telemetry: Pick<Metrics, 'certificateOrdered'>
}

/** Of one configuration's listeners: ready, and nothing of it is in force. */
export interface ReadyCertificates {
  apply(): void
  abandon(): Promise<void>
}

/** Where listeners have certificates from that the gateway obtains itself. */
export interface CertificateSource {
  readonly challenges: Pick<PendingChallenges, 'httpAnswer' | 'tlsPair'>
  /** From here on `use` is told which listener has another certificate. */
  onChange(use: (listener: string) => void): void
  /** The listener with what is in use of it. */
  fill(listener: ListenerSettings): ListenerSettings
  /** Reads what is kept for listeners that are new, and writes down what was found. */
  ready(config: Config): Promise<ReadyCertificates>
  close(): Promise<void>
}

/** Certificates that this process obtains, of every listener that has one. */
export class ObtainedCertificates implements CertificateSource {
  readonly challenges = new PendingChallenges()
  readonly #machine: Machine
  readonly #needs: AcmeNeeds
  readonly #keepers = new Map<string, CertificateKeeper>()
  #use: (listener: string) => void = () => undefined

  constructor(machine: Machine, needs: AcmeNeeds) {
    this.#machine = machine
    this.#needs = needs
  }

  onChange(use: (listener: string) => void): void {
    this.#use = use
  }

  fill(listener: ListenerSettings): ListenerSettings {
    return filled(listener, this.#keepers.get(listener.name)?.held?.pair)
  }

  /** What is in use of every listener that has something. */
  pairs(): readonly (readonly [listener: string, pair: Pair])[] {
    return [...this.#keepers].flatMap(([name, { held }]) => {
      return held === undefined ? [] : [[name, held.pair] as const]
    })
  }

  async ready({ listeners, data }: Config): Promise<ReadyCertificates> {
    const added = new Map<string, CertificateKeeper>()
    const wanted = new Map<string, AcmeConfig>()
    for (const { name, tls } of listeners) {
      if (tls?.acme === undefined) continue
      wanted.set(name, tls.acme)
      if (this.#keepers.has(name)) continue
      const keeper = this.#keeper(name, tls.acme, data)
      await keeper.load()
      added.set(name, keeper)
    }
    // Not before all of them are read: one that is here counts as started.
    for (const [name, keeper] of added) this.#keepers.set(name, keeper)
    return {
      apply: () => this.#apply(wanted, added),
      abandon: async () => {
        for (const name of added.keys()) this.#keepers.delete(name)
      },
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#keepers.values()].map((keeper) => keeper.close()))
  }

  #apply(wanted: ReadonlyMap<string, AcmeConfig>, added: ReadonlyMap<string, unknown>): void {
    const { log } = this.#needs
    for (const [name, keeper] of this.#keepers) {
      const config = wanted.get(name)
      if (config === undefined) {
        this.#keepers.delete(name)
        keeper.close().catch((cause: unknown) => log.error({ err: cause }, 'certificate'))
      } else if (added.has(name)) {
        if (keeper.held === undefined) log.warn({ listener: name }, NONE_YET)
        keeper.start()
      } else keeper.adopt(config)
    }
  }

  #keeper(listener: string, first: AcmeConfig, data: string): CertificateKeeper {
    const { clock, random, disk } = this.#machine
    const store = new CertificateStore(disk, first.store ?? join(data, 'acme'))
    return new CertificateKeeper({
      listener,
      config: first,
      clock,
      random,
      store,
      order: (config, signal) => this.#order(config, store, signal),
      check: (pair) => void createSecureContext(contextOptions(pair)),
      record: (event, config) => this.#record(listener, event, config),
      use: () => this.#use(listener),
      onFault: (fault) => this.#needs.log.error({ listener, err: fault }, 'certificate'),
    })
  }

  async #order(
    config: AcmeConfig,
    store: CertificateStore,
    signal: AbortSignal,
  ): ReturnType<typeof orderCertificate> {
    const { authority, externalAccount, directory } = config
    const http = httpClient(authority === undefined ? undefined : await readPem(authority))
    const letGo = (): void => void http.close()
    signal.addEventListener('abort', letGo)
    try {
      const secret = externalAccount && (await readSecret(externalAccount.macKey, this.#machine))
      return await orderCertificate({
        config,
        clock: this.#machine.clock,
        http,
        challenges: this.challenges,
        accountKey: (make) => store.accountKey(directory, make),
        macKey: secret && new TextDecoder().decode(secret),
        signal,
      })
    } finally {
      signal.removeEventListener('abort', letGo)
      await http.close()
    }
  }

  async #record(listener: string, event: CertificateEvent, config: AcmeConfig): Promise<void> {
    const { recorder, log, telemetry } = this.#needs
    const facts = factsOf(listener, event, config)
    const { act, problem, retry, until } = facts
    if (act === 'failed') {
      const state = event.held === undefined ? NONE_YET : 'the one in use stays'
      log.error({ listener, problem, retry, state }, 'certificate not obtained')
    } else log.info({ listener, names: facts.names, until }, `certificate ${act}`)
    if (act !== 'loaded') telemetry.certificateOrdered(listener, act)
    await recorder.act('certificate', facts)
  }
}

/** The listener with this certificate, where it is one that is obtained. */
export function filled(listener: ListenerSettings, pair: Pair | undefined): ListenerSettings {
  const { tls } = listener
  return tls?.isObtained === true ? { ...listener, tls: { ...tls, ...pair } } : listener
}

const NONE_YET = 'no certificate yet: handshakes are refused until there is one'

function factsOf(
  listener: string,
  { act, held, previous, problem, retryMs }: CertificateEvent,
  { directory, domains }: AcmeConfig,
): CertificateFacts {
  return {
    act,
    listener,
    directory,
    names: act === 'failed' ? domains : (held?.names ?? domains),
    ...(held === undefined
      ? {}
      : { sha256: held.sha256, from: timeOf(held.fromMs), until: timeOf(held.untilMs) }),
    ...(previous === undefined || act === 'failed' ? {} : { previous: previous.sha256 }),
    ...(problem === undefined
      ? {}
      : { problem: problem.slice(0, PROBLEM_LENGTH_MAX).toWellFormed() }),
    ...(retryMs === undefined ? {} : { retry: timeOf(retryMs) }),
  }
}

function timeOf(ms: number): string {
  return formatTime(Math.round(ms) * 1000)
}

/** When the certificates of listeners end, whoever obtained them. */
export function certificateEnds(
  listeners: readonly ListenerSettings[],
): readonly { readonly listener: string; readonly endsMs: number }[] {
  return listeners.flatMap(({ name, tls }) => {
    if (tls?.certificate === undefined) return []
    return [{ listener: name, endsMs: Date.parse(new X509Certificate(tls.certificate).validTo) }]
  })
}

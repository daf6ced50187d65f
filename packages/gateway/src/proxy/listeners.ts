import { createSecureContext } from 'node:tls'
import type { ProxyContext } from './context.ts'
import { LAST_CALL_TICK_MS, Listener } from './listener.ts'
import { NamedContexts } from './named-contexts.ts'
import { type ListenerConfig, protocolsOf } from './proxy-config.ts'
import { ProxyError } from './proxy-error.ts'
import { type Certificate, contextOptions } from './tls-options.ts'

/** PEM texts stand here, not paths: whoever composes has read the files. */
export type ListenerSettings = Omit<ListenerConfig, 'tls'> & {
  readonly tls?: Certificate | undefined
  /** A socket that listens already, opened by another process; the address is only expected. */
  readonly descriptor?: number | undefined
}

/** Where a listener can be reached. */
export interface ListeningAt {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** Something that is ready to take effect: nothing of it can fail any more. */
export interface ReadyChange {
  /** Calls back when the last exchange that went by what was before has ended. */
  apply(whenFormerIsUnused?: () => void): void
  /** Nothing of it has taken effect, and nothing will. */
  abandon(): Promise<void>
}

interface Open {
  readonly settings: ListenerSettings
  readonly listener: Listener
  readonly at: ListeningAt
}

/** Every address that is listened on. */
export class Listeners {
  readonly #context: ProxyContext
  #open: readonly Open[] = []
  /** No longer configured; their last exchanges are under way. */
  readonly #leaving = new Map<Listener, Promise<void>>()

  constructor(context: ProxyContext) {
    this.#context = context
  }

  get addresses(): readonly ListeningAt[] {
    return this.#open.map(({ at }) => at)
  }

  /**
   * Listens on what is new, and takes no request there yet. An address that stays keeps its socket
   * and its connections. Throws ProxyError where something of it cannot be.
   */
  async ready(settings: readonly ListenerSettings[]): Promise<ReadyChange> {
    const added: Open[] = []
    const next: { readonly open: Open; readonly adopt: ListenerSettings }[] = []
    try {
      for (const each of settings) {
        checkCertificate(each)
        const kept = this.#open.find((open) => placeOf(open.settings) === placeOf(each))
        if (kept !== undefined) checkFixed(kept.settings, each)
        const open = kept ?? (await this.#listen(each))
        if (kept === undefined) added.push(open)
        next.push({ open, adopt: each })
      }
    } catch (cause) {
      await abandonAll(added)
      throw cause
    }
    return { apply: () => this.#apply(next), abandon: () => abandonAll(added) }
  }

  named(name: string): Listener | undefined {
    return this.#open.find(({ settings }) => settings.name === name)?.listener
  }

  cutAll(): void {
    for (const listener of this.#all()) listener.cutAll()
  }

  /**
   * Lets others in, and answers each of them for the last time: kept connections end so with an
   * answer instead of a question that is lost. As long as it takes what is open for long to end,
   * for meanwhile nobody else may serve them.
   */
  async lastCall(): Promise<void> {
    const { clock, inForce, live } = this.#context
    const { lastCallMs, streamStopMs, stopMs } = inForce().limits
    for (const listener of this.#all()) listener.sayLastCall()
    const fromMs = clock.ticksMs()
    const isOver = (): boolean => {
      const sinceMs = clock.ticksMs() - fromMs
      if (sinceMs >= Math.min(stopMs, live.isAnyLong ? streamStopMs : lastCallMs)) return true
      return this.#all().every((listener) => listener.connections === 0)
    }
    while (!isOver()) {
      await new Promise<void>((resolve) => void clock.after(LAST_CALL_TICK_MS, resolve))
    }
    live.cutLong()
  }

  /** Takes no more connections; resolves when every exchange has ended. */
  async drain(): Promise<void> {
    await Promise.all([...this.#all()].map((listener) => listener.drain()))
  }

  async #listen(settings: ListenerSettings): Promise<Open> {
    const { name, tls } = settings
    const listener = new Listener(settings, this.#context, tls)
    return { settings, listener, at: { name, ...(await listener.listen(settings)) } }
  }

  #apply(next: readonly { readonly open: Open; readonly adopt: ListenerSettings }[]): void {
    const former = this.#open
    this.#open = next.map(({ open: { listener, at }, adopt }) => {
      listener.adopt(adopt)
      return { settings: adopt, listener, at: { ...at, name: adopt.name } }
    })
    const stays = new Set(this.#open.map(({ listener }) => listener))
    for (const { listener } of former) if (!stays.has(listener)) this.#leave(listener)
  }

  /** As when the gateway stops: exchanges may end, within a limit. */
  #leave(listener: Listener): void {
    const { clock, inForce } = this.#context
    const deadline = clock.after(inForce().limits.stopMs, () => listener.cutAll())
    const left = listener.drain().finally(() => {
      deadline.cancel()
      this.#leaving.delete(listener)
    })
    this.#leaving.set(listener, left)
  }

  #all(): readonly Listener[] {
    return [...this.#open.map(({ listener }) => listener), ...this.#leaving.keys()]
  }
}

async function abandonAll(added: readonly Open[]): Promise<void> {
  for (const { listener } of added) listener.cutAll()
  await Promise.all(added.map(({ listener }) => listener.drain()))
}

/** Two listeners at one place are one; of those at any free port each name is one. */
function placeOf({ name, host, port }: ListenerSettings): string {
  return port === 0 ? `${host} ${name}` : `${host} ${port}`
}

function checkCertificate({ name, tls }: ListenerSettings): void {
  if (tls === undefined) return
  try {
    createSecureContext(contextOptions(tls))
    new NamedContexts(tls)
  } catch (cause) {
    const message = `listener ${name}: certificate and key are of no use: ${String(cause)}`
    throw new ProxyError('PROXY_CERTIFICATE', message, { cause })
  }
}

/** What a socket that is listened on cannot change under its connections. */
function checkFixed(former: ListenerSettings, next: ListenerSettings): void {
  const changed = [
    ['tls', (former.tls === undefined) !== (next.tls === undefined)],
    ['tls.acme', former.tls?.isObtained !== next.tls?.isObtained],
    ['tls.clientCertificates', asksFor(former) !== asksFor(next)],
    ['protocols', String(protocolsOf(former)) !== String(protocolsOf(next))],
    ['externalUrl', former.externalUrl !== next.externalUrl],
    ['proxyProtocol', textOf(former.proxyProtocol) !== textOf(next.proxyProtocol)],
  ].find(([, isChanged]) => isChanged)
  if (changed === undefined) return
  const what = `listener ${next.name}: ${changed[0]} cannot change at an address that is open`
  const message = `${what}: take another port, or restart`
  throw new ProxyError('PROXY_LISTENER_FIXED', message)
}

function textOf(setting: unknown): string | undefined {
  return JSON.stringify(setting)
}

function asksFor({ tls }: ListenerSettings): string | undefined {
  return tls?.clientCertificates?.show
}

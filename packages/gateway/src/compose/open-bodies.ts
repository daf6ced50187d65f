import type { Logger } from 'pino'
import type { Config } from '../config/index.ts'
import { BodyStore, type LeftBody } from '../vault/index.ts'
import { type LeftBodiesNeeds, namedOf } from './left-bodies.ts'
import type { Machine } from './machine.ts'
import type { OpenLedger } from './open-ledger.ts'

/** The files of captured bodies. */
export interface OpenBodies {
  readonly store: BodyStore
  /** Looks after what an earlier life left; resolves when that is known. Never rejects. */
  settle(needs: LeftBodiesNeeds): Promise<void>
}

export async function openBodies(
  { data }: Pick<Config, 'data'>,
  { disk, random }: Pick<Machine, 'disk' | 'random'>,
  {
    ledger,
    log,
  }: {
    readonly ledger: { readonly signer: Pick<OpenLedger['signer'], 'origin'> }
    readonly log: Pick<Logger, 'error'>
  },
): Promise<OpenBodies> {
  const onFault = (fault: unknown): void => log.error({ err: fault }, 'captured bodies')
  const store = new BodyStore({ disk, random, data, origin: ledger.signer.origin, onFault })
  const left = await store.open()
  return { store, settle: (needs) => settle(store, left, needs, onFault) }
}

/** What a record names goes where it stays, the rest is removed; in doubt nothing is. */
async function settle(
  store: BodyStore,
  left: readonly LeftBody[],
  needs: LeftBodiesNeeds,
  onFault: (fault: unknown) => void,
): Promise<void> {
  if (left.length === 0) return
  try {
    const named = await namedOf(left, needs)
    for (const body of left) {
      if (named.has(body.sha256)) await store.keep(body)
      else await store.drop(body)
    }
  } catch (fault) {
    onFault(fault)
  }
}

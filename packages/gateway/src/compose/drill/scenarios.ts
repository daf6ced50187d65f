import type { FaultyDisk, JumpingClock } from '../../platform/index.ts'
import type { StandIn } from './stand-in.ts'

/** What a drill can make go wrong. */
export interface Adversity {
  readonly disk: FaultyDisk
  readonly clock: JumpingClock
  readonly upstream: StandIn
}

/** One thing that goes wrong, and is put right again. */
export interface Scenario {
  readonly name: string
  readonly says: string
  begin(what: Adversity): Promise<void> | void
  end(what: Adversity): Promise<void> | void
  /** It is noticed when a request is answered otherwise, within this time. */
  readonly noticedMsMax?: number
  /** Every answer may take as long as the configuration lets an upstream take. */
  readonly isPatient?: boolean
}

const HOUR_MS = 3_600_000

/** In this order: what spoils most comes last. */
export function scenariosOf({ slowMs }: { readonly slowMs: number }): readonly Scenario[] {
  return [
    {
      name: 'nothing',
      says: 'nothing is wrong',
      begin: () => undefined,
      end: () => undefined,
    },
    {
      name: 'slow-disk',
      says: `every write and flush takes ${slowMs} ms longer`,
      begin: ({ disk }) => disk.suffer({ slowMs }),
      end: ({ disk }) => disk.suffer({}),
    },
    {
      name: 'full-disk',
      says: 'the volume of the ledger has no room left',
      begin: ({ disk }) => disk.suffer({ freeBytes: 0 }),
      end: ({ disk }) => disk.suffer({}),
      noticedMsMax: 5_000,
    },
    {
      name: 'broken-disk',
      says: 'writes and flushes of the ledger fail',
      begin: ({ disk }) => disk.suffer({ isBroken: true }),
      end: ({ disk }) => disk.suffer({}),
      noticedMsMax: 2_000,
    },
    {
      name: 'dead-upstream',
      says: 'nobody listens where the upstreams should',
      begin: ({ upstream }) => upstream.become('gone'),
      end: ({ upstream }) => upstream.become('answers'),
    },
    {
      name: 'hanging-upstream',
      says: 'the upstreams take requests and never answer',
      begin: ({ upstream }) => upstream.become('hangs'),
      end: ({ upstream }) => upstream.become('answers'),
      isPatient: true,
    },
    {
      name: 'clock-forward',
      says: 'the clock is set a day ahead',
      begin: ({ clock }) => clock.set(24 * HOUR_MS),
      end: ({ clock }) => clock.set(0),
    },
    {
      name: 'clock-back',
      says: 'the clock is set an hour back',
      begin: ({ clock }) => clock.set(-HOUR_MS),
      end: ({ clock }) => clock.set(0),
    },
  ]
}

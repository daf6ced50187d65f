import type { ReadConfig } from './read-config.ts'

/** A gateway that serves. */
export interface Gateway {
  readonly origin: string
  /** Ed25519 first. */
  readonly vkeys: readonly string[]
  /** Nothing was ever recorded here before. */
  readonly isNew: boolean
  readonly addresses: readonly string[]
  /** Refuses new requests, lets those under way end, records the stop, publishes, lets go. */
  close(): Promise<void>
}

export async function openGateway({ config }: ReadConfig): Promise<Gateway> {
  void config
  throw new Error('not composed yet')
}

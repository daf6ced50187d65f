import type { Actant, ActFacts, RecordPlace } from '@countersign/evidence'

/** What approvals need of the recorder: each call resolves when the record is durable. */
export interface ApprovalRecorder {
  actant(principal: { readonly issuer: string; readonly id: string }, method?: string): Actant
  act<K extends 'approval' | 'alert'>(
    kind: K,
    facts: ActFacts[K],
    options?: { readonly who?: Actant; readonly about?: RecordPlace },
  ): Promise<RecordPlace>
}
